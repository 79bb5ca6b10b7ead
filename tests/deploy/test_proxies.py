"""The proxies of deploy/README.md, word for word: a push that meets a restart leaves its secret address in no log."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

PAGE = (Path(__file__).parents[2] / "deploy" / "README.md").read_text()
TOKEN = "8vJ1q6h5xYbC0aQ2rT9uW3eZ4kL7mN"
PATIENCE = 30.0


def block(beginning: str) -> str:
    """The code block of the page that begins so."""
    (found,) = re.findall(rf"```[a-z]*\n(# {beginning}.*?)```", PAGE, re.DOTALL)
    return str(found)


def free() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as it:
        return int(it.getsockname()[1])


def listens(port: int) -> bool:
    with closing(socket.socket()) as it:
        return it.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(folder: Path, port: int, *command: str) -> Iterator[None]:
    """The proxy, until the end; what it says goes into the folder."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not here")
    with (folder / "said.log").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as it:
        try:
            until = time.monotonic() + PATIENCE
            while not listens(port):
                assert it.poll() is None, (folder / "said.log").read_text()
                assert time.monotonic() < until
            yield
        finally:
            it.terminate()


def logged(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("*.log"))


def pushed_in_vain(port: int) -> None:
    url = f"http://127.0.0.1:{port}/ctgo/{TOKEN}"
    assert httpx.post(url, json={"leads": []}, timeout=PATIENCE).status_code == 502


def nginx(folder: Path, location: str, port: int) -> str:
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port};\n{location}\n}} }}\n"
    )
    return str(folder / "nginx.conf")


def caddy(folder: Path, page: str) -> str:
    (folder / "Caddyfile").write_text(
        re.sub(r"^\{", "{\n    admin off\n    auto_https off", page, count=1, flags=re.MULTILINE)
    )
    return str(folder / "Caddyfile")


@pytest.mark.parametrize("guarded", [True, False])
def test_nginx_logs_no_secret_address(tmp_path: Path, *, guarded: bool) -> None:
    port, nobody = free(), free()
    location = block("nginx").replace("127.0.0.1:8378", f"127.0.0.1:{nobody}")
    if not guarded:  # the negative control: without the line, it does
        location = re.sub(r"^ *error_log.*$", "", location, flags=re.MULTILINE)
    with running(
        tmp_path, port, "nginx", "-c", nginx(tmp_path, location, port), "-e", f"{tmp_path}/early.log"
    ):
        pushed_in_vain(port)
    assert (TOKEN in logged(tmp_path)) is not guarded


@pytest.mark.parametrize("guarded", [True, False])
def test_caddy_logs_no_secret_address(tmp_path: Path, *, guarded: bool) -> None:
    port, nobody = free(), free()
    page = block("Caddy").replace("127.0.0.1:8378", f"127.0.0.1:{nobody}")
    page = page.replace("hooks.example.com", f"http://127.0.0.1:{port}")
    if not guarded:
        page = page.replace("request>uri", "request>other")
    file = caddy(tmp_path, page)
    with running(tmp_path, port, "caddy", "run", "--adapter", "caddyfile", "--config", file):
        pushed_in_vain(port)
    assert (TOKEN in logged(tmp_path)) is not guarded
