"""`syncd service`: what it puts where, what it leaves alone, and that the units are as strict as they say."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from syncd import __version__
from syncd.cli import entry
from syncd.cli.service import install
from syncd.cli.service.install import PLACES, PROGRAM, Installer, compare, wanted
from syncd.settings import load

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "deploy" / "systemd"
BOOKS = Path("usr/local/lib/systemd/system")

as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("systemd-sysusers"), reason="needs root and systemd-sysusers"
)
analysed = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path


def service(image: Path, verb: str, *options: str) -> int:
    return entry.run(["service", verb, "--root", str(image), *options])


def everything(image: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(image)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in image.rglob("*")
        if path.is_file()
    }


@as_root
def test_install_puts_everything_in_place_and_says_what_to_type_next(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service(image, "install") == 0
    out = capsys.readouterr().out
    assert [path for path in PLACES.values() if not (image / path.relative_to("/")).is_file()] == []
    assert "syncd check" in out
    assert "systemctl enable --now syncd" in out
    assert (image / "usr/local/bin/syncd").readlink() == PROGRAM


@as_root
def test_what_lies_under_a_temporary_name_is_not_written_through(image: Path) -> None:
    theirs = image / "shadow"
    theirs.write_text("root's own")
    theirs.chmod(0o600)
    for place in PLACES.values():
        at = image / place.relative_to("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.with_name(f".{at.name}.new").symlink_to(theirs)
    assert service(image, "install") == 0
    assert (theirs.read_text(), stat.S_IMODE(theirs.stat().st_mode)) == ("root's own", 0o600)
    assert all((image / place.relative_to("/")).is_file() for place in PLACES.values())


@as_root
def test_only_the_service_reads_its_configuration_and_only_root_its_credentials(image: Path) -> None:
    before = os.umask(0o077)
    try:
        service(image, "install")
    finally:
        os.umask(before)
    user = next(
        line.split(":") for line in (image / "etc/passwd").read_text().splitlines() if "syncd" in line
    )
    uid, gid = int(user[2]), int(user[3])
    seen = {
        name: (stat.S_IMODE(it.st_mode), it.st_uid, it.st_gid)
        for name in ("etc/syncd", "etc/syncd/config.toml", "etc/syncd/credentials", "var/lib/syncd", "var/lib", BOOKS)
        if (it := (image / name).stat())
    }  # fmt: skip
    assert seen == {
        "etc/syncd": (0o750, 0, gid),
        "etc/syncd/config.toml": (0o640, 0, gid),
        "etc/syncd/credentials": (0o700, 0, 0),
        "var/lib/syncd": (0o700, uid, gid),
        "var/lib": (0o755, 0, 0),
        BOOKS: (0o755, 0, 0),
    }


@as_root
def test_installing_twice_changes_nothing(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service(image, "install")
    first = everything(image)
    capsys.readouterr()
    assert service(image, "install") == 0
    assert everything(image) == first
    assert re.findall(r"^(?:wrote|made|linked|told|removed).*", capsys.readouterr().out, re.MULTILINE) == []


@as_root
def test_a_dry_run_says_all_of_it_and_does_none(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert service(image, "install", "--dry-run") == 0
    said = re.findall(r"^would (.*)", capsys.readouterr().out, re.MULTILINE)
    assert everything(image) == {}
    service(image, "install")
    past = {"write": "wrote", "make": "made", "link": "linked"}
    assert {line.partition(" ")[0] for line in said} == set(past)
    done = [f"{past[verb]} {rest}" for verb, _, rest in (line.partition(" ") for line in said)]
    assert [line for line in capsys.readouterr().out.splitlines() if line in done] == done


@as_root
def test_an_upgrade_replaces_what_an_older_version_wrote_and_nothing_of_the_operators(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service(image, "install")
    unit, config, drop_in = (
        image / BOOKS / "syncd.service",
        image / "etc/syncd/config.toml",
        image / "etc/systemd/system/syncd.service.d/override.conf",
    )
    older = install._digest("[Unit]\n")
    unit.write_text(f"# Installed by syncd 0.0.1; sha256 {older}\n[Unit]\n")
    config.write_text("# mine\n")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("# mine\n")
    assert service(image, "upgrade") == 0
    assert f"# Installed by syncd {__version__};" in unit.read_text()
    assert (config.read_text(), drop_in.read_text()) == ("# mine\n", "# mine\n")
    assert "wrote /usr/local/lib/systemd/system/syncd.service\n" in capsys.readouterr().out


@as_root
@pytest.mark.parametrize("verb", ["install", "upgrade", "remove"])
def test_a_unit_that_was_changed_by_hand_stays_and_is_told_of(
    image: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    service(image, "install")
    unit = image / BOOKS / "syncd.service"
    edited = unit.read_text().replace("MemoryMax=320M", "MemoryMax=1G")
    unit.write_text(edited)
    assert service(image, verb) == 75
    assert unit.read_text() == edited
    assert "drop-in (systemctl edit syncd.service)" in capsys.readouterr().err


@as_root
def test_a_unit_of_the_operators_own_in_place_of_ours_is_told_of(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yours = image / "etc/systemd/system/syncd.service"
    yours.parent.mkdir(parents=True)
    yours.write_text("# mine\n")
    assert service(image, "install") == 0
    assert "/etc/systemd/system/syncd.service is yours, and overrides" in capsys.readouterr().err
    assert yours.read_text() == "# mine\n"


@as_root
def test_remove_takes_the_units_and_keeps_the_data_and_says_where_it_is(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service(image, "install")
    (image / "var/lib/syncd/syncd.db").write_text("dear")
    wants = image / "etc/systemd/system/multi-user.target.wants/syncd.service"
    wants.parent.mkdir(parents=True)
    wants.symlink_to("/usr/local/lib/systemd/system/syncd.service")
    capsys.readouterr()
    assert service(image, "remove") == 0
    assert "/var/lib/syncd" in capsys.readouterr().out
    assert [path for path in PLACES.values() if (image / path.relative_to("/")).exists()] == []
    assert not os.path.lexists(wants)
    assert not os.path.lexists(image / "usr/local/bin/syncd")
    assert (image / "var/lib/syncd/syncd.db").read_text() == "dear"
    assert (image / "etc/syncd/config.toml").exists()
    assert service(image, "remove") == 0


@as_root
def test_there_is_nothing_to_upgrade_before_an_install(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service(image, "upgrade") == 2
    assert "syncd service install" in capsys.readouterr().err
    assert everything(image) == {}


def test_show_prints_the_files_as_they_would_be_written(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service(image, "show") == 0
    out = capsys.readouterr().out
    assert [path for path in PLACES.values() if f"# {path} (missing)" not in out] == []
    assert service(image, "show", "syncd-once.timer") == 0
    assert "[Service]" not in capsys.readouterr().out
    assert service(image, "show", "syncd.socket") == 64


def test_a_program_that_the_units_could_not_see_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "syncd"
    program.touch()
    assert entry.run(["service", "install", "--dry-run", "--program", str(program)]) == 2
    assert "/opt/syncd/bin/pip install" in capsys.readouterr().err
    assert install.out_of_reach(Path("/home/syncd")) == Path("/home")
    assert install.out_of_reach(Path("/usr/bin/env")) is None


def test_the_program_is_named_as_one_word() -> None:
    unit = wanted(Path('/opt/my 100% "syncd"/$HOME/syncd'), "1")["syncd.service"]
    assert r'ExecStart="/opt/my 100%% \"syncd\"/$$HOME/syncd" --config' in unit


def test_conditions_are_told_from_the_stamp() -> None:
    texts = wanted(PROGRAM, "2.0")
    older = wanted(Path("/old/syncd"), "1.0")
    found = {**texts, "syncd.service": older["syncd.service"], "syncd-once.timer": None}
    found["syncd-once.service"] = older["syncd-once.service"] + "Nice=5\n"
    conditions = {part.name: part.condition for part in compare(texts, found)}
    assert conditions == {
        "syncd.service": "older",
        "syncd-once.service": "edited",
        "syncd-once.timer": "missing",
        "syncd.sysusers.conf": "current",
    }


def test_the_configuration_to_start_from_is_the_services(tmp_path: Path) -> None:
    starter = (ROOT / "syncd/cli/starter.toml").read_text()
    text = install.configuration(starter)
    assert "this file" not in text.partition("[sources")[2]
    assert text.count("/var/lib/syncd") == 2
    assert "/etc/syncd/credentials/sources.main.api_key" in text
    (tmp_path / "config.toml").write_text(text)
    secret = tmp_path / "sources.main.api_key"
    secret.write_text("k")
    settings = load(tmp_path / "config.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert settings.sources["main"].poll
    assert not settings.connectors, "with a pasted key alone, leads go nowhere"
    assert '#[connectors.sheet]\n#type = "csv"' in text


def test_what_a_dry_run_would_do_is_said_in_one_form() -> None:
    said: list[str] = []
    installer = Installer(Path("/"), said.append, dry=True)
    installer._did("stopped and disabled syncd.service")
    installer._did("told systemd")
    assert said == ["would stop and disable syncd.service", "would tell systemd"]


def test_the_units_in_deploy_are_those_in_the_package() -> None:
    assert UNITS.resolve() == ROOT / "syncd" / "systemd"
    assert {path.name for path in UNITS.iterdir()} == set(PLACES)


def test_both_units_are_hardened_alike() -> None:
    first, second = (
        (UNITS / name).read_text().partition("# Who it is")[2].partition("\n[Install]")[0].strip()
        for name in ("syncd.service", "syncd-once.service")
    )
    assert first == second
    assert "SystemCallFilter" in first


def test_the_units_name_the_folders_that_the_program_reads() -> None:
    unit = (UNITS / "syncd.service").read_text()
    assert f"LoadCredential=syncd:{install.CREDENTIALS}\n" in unit
    assert f"--config {install.CONFIG}\n" in unit
    assert f"StateDirectory={install.STATE.name}\n" in unit


@analysed
@pytest.mark.parametrize("name", ["syncd.service", "syncd-once.service"])
def test_the_units_are_exposed_at_most_one_and_a_half(name: str) -> None:
    told = analyse("security", "--offline=true", "--threshold=15", str(UNITS / name))
    assert told.returncode == 0, told.stdout
    assert float(re.findall(r"Overall exposure level for \S+: ([0-9.]+)", told.stdout)[0]) <= 1.5


@analysed
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name, text in wanted(Path("/bin/true"), "1").items():
        if not name.endswith(".conf"):
            (tmp_path / name).write_text(text)
    told = analyse("verify", "--man=no", *map(str, tmp_path.iterdir()))
    assert (told.returncode, told.stderr) == (0, "")


def analyse(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("systemd-analyze") or "", *words], capture_output=True, text=True, check=False
    )
