"""The health check of a container: `python -m syncd.healthcheck [URL]` asks if the daemon on this machine is alive.

It asks `/healthz` and nothing else: a halted lane needs a person, and a restart of the container does not help. It runs
every half minute beside the daemon, so it imports only a little of the standard library.
It ignores a proxy in the environment.

It asks at `URL`, else `$SYNCD_HEALTH__LISTEN`, else `health.listen` of the configuration file, else 127.0.0.1:8377. Exits with 0
when the daemon is alive, or when `health.listen` is empty and nothing can be asked; else with 1 and a sentence.
"""

import os
import socket
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

USUAL = "127.0.0.1:8377"
CONFIGS = ("config.toml", "/etc/syncd/config.toml")
SECONDS = 5.0
"""For all of it. The daemon answers from memory."""

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to ask when the daemon listens there
_ENOUGH = 64


def main(arguments: list[str], environ: Mapping[str, str] = os.environ) -> int:
    """Ask, and print what is wrong; returns the exit code."""
    where = arguments[0] if arguments else listening(environ)
    if not where:
        sys.stdout.write("health.listen is empty: nobody can be asked\n")
        return 0
    host, port, path = parted(where)
    try:
        status = asked(host, port, path)
    except (OSError, ValueError) as error:
        sys.stdout.write(f"no answer from {host} port {port}: {error}\n")
        return 1
    if status != 200:  # noqa: PLR2004 - OK
        sys.stdout.write(f"{host} port {port} answered {status}\n")
    return int(status != 200)  # noqa: PLR2004


def listening(environ: Mapping[str, str]) -> str:
    """Return the address where the daemon listens, from the same settings that the daemon reads."""
    given = {name.upper(): value for name, value in environ.items()}
    if (listen := given.get("SYNCD_HEALTH__LISTEN")) is not None:
        return listen
    named = environ.get("SYNCD_CONFIG")
    for path in (named,) if named else CONFIGS:
        try:
            return str(
                tomllib.loads(Path(path).read_text("utf-8-sig")).get("health", {}).get("listen", USUAL)
            )
        except (OSError, ValueError, AttributeError):  # the daemon says better what is wrong with it
            continue
    return USUAL


def parted(where: str) -> tuple[str, int, str]:
    """Host, port and path of an address such as `127.0.0.1:8377`, with or without `http://` and a path."""
    address, slash, path = where.removeprefix("http://").partition("/")
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    return _EVERY_ADDRESS.get(host, host), int(port), slash + path if path else "/healthz"


def asked(host: str, port: int, path: str) -> int:
    """The status of the answer. Raises OSError and ValueError."""
    with socket.create_connection((host, port), SECONDS) as connection:
        connection.settimeout(SECONDS)
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while b"\n" not in answer and len(answer) < _ENOUGH and (more := connection.recv(_ENOUGH)):
            answer += more
    version, status, *_ = answer.split(maxsplit=2) or [b"", b""]
    if not version.startswith(b"HTTP/"):
        raise ValueError("it is not HTTP")
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
