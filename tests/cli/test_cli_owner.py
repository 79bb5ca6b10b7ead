"""Root acts as the ledger's owner: seen with a real root, real files and a real change of user."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.app import privileges
from syncd.settings import SettingsError
from syncd.simulator import Options, Running, running
from tests.support import everybody

KEY = "ctgo_owner_77"
PYTHON = str(everybody.interpreter())
SERVICE = privileges.Owner(61234, 61234)
"""A user without an entry in the password database, as a container's may be."""

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
    pytest.mark.skipif(PYTHON == "None", reason="no Python here that another user could run"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the service's user, where everybody may pass: pytest's own are for one user alone."""
    made = Path(tempfile.mkdtemp(prefix="syncd-owner-"))
    made.chmod(0o711)
    state = made / "state"
    state.mkdir(0o700)
    os.chown(state, SERVICE.uid, SERVICE.gid)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def ctgo() -> Iterator[Running]:
    with running(Options(leads=7)) as it:
        yield it


def configure(folder: Path, ctgo: Running) -> Path:
    """A configuration that root alone may read, whose data is in the service's folder."""
    config = folder / "config.toml"
    config.write_text(
        f'[state]\nurl = "sqlite:///{folder / "state" / "syncd.db"}"\n'
        f'[sources.main]\napi_key = "{KEY}"\nbase_url = "{ctgo.url}/api/v2"\n'
        f'[connectors.sheet]\ntype = "csv"\npath = "{folder / "state" / "leads.csv"}"\n'
    )
    config.chmod(0o600)
    return config


def run(*command: str, modules: tuple[str, ...] = (), user: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
        env=everybody.environment((*modules, *everybody.MODULES)),
        user=user,
        group=user,
        extra_groups=[],
    )


def syncd(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(PYTHON, "-m", "syncd", "--config", str(config), *arguments)


def owners(state: Path) -> set[int]:
    return {path.stat().st_uid for path in [state, *state.rglob("*")]}


def test_what_root_makes_is_the_owners(folder: Path, ctgo: Running) -> None:
    config = configure(folder, ctgo)
    ran = syncd(config, "--once")
    assert (ran.returncode, len(ctgo.world.exported)) == (0, 7), ran.stderr
    assert (folder / "state" / "leads.csv").exists()
    assert owners(folder / "state") == {SERVICE.uid}


def test_a_command_of_root_beside_the_service_leaves_no_file_of_roots(folder: Path, ctgo: Running) -> None:
    config = configure(folder, ctgo)
    assert syncd(config, "--once").returncode == 0
    ledger = folder / "state" / "syncd.db"
    reader = sqlite3.connect(ledger)  # keeps the WAL there, as a running service does
    reader.execute("SELECT count(*) FROM lead").fetchall()
    for path in ledger.parent.iterdir():
        os.chown(path, SERVICE.uid, SERVICE.gid)
    for arguments in (["status"], ["pause", "sheet"], ["resume", "sheet"], ["check"]):
        ran = syncd(config, *arguments)
        assert ran.returncode == 0, ran.stderr
        assert owners(ledger.parent) == {SERVICE.uid}
    reader.close()


def test_the_operators_log_names_who_typed_and_not_whom_the_process_became(
    folder: Path, ctgo: Running
) -> None:
    config = configure(folder, ctgo)
    assert syncd(config, "--once").returncode == 0
    assert syncd(config, "pause", "sheet").returncode == 0
    told = syncd(config, "status").stdout
    assert "by root" in told


def test_without_a_ledger_its_folder_says_who_owns_it(folder: Path) -> None:
    assert privileges.owner_of(folder / "state" / "none" / "syncd.db").uid == SERVICE.uid
    assert privileges.owner_of(folder / "none" / "syncd.db").uid == 0


def test_a_ledgers_name_that_leads_elsewhere_has_no_say_in_whom_root_becomes(folder: Path) -> None:
    ledger = folder / "state" / "syncd.db"
    ledger.symlink_to("/etc/passwd")
    assert privileges.owner_of(ledger).uid == SERVICE.uid


@pytest.mark.parametrize(
    "verb", [["--once"], ["status"], ["restore", "/etc/hostname"], ["backup", "/nowhere"]]
)
def test_a_service_that_puts_links_into_its_folder_has_root_write_nothing(
    folder: Path, ctgo: Running, verb: list[str]
) -> None:
    config, theirs = configure(folder, ctgo), folder / "shadow"
    theirs.write_text("root's own\n")
    state = folder / "state"
    for name in ("syncd.db", "syncd.db.lock", "leads.csv", "syncd.db-wal"):
        (state / name).symlink_to(theirs)
    ran = syncd(config, *verb)
    assert (ran.returncode, ran.stdout) == (78, "")
    assert f"{state / 'syncd.db'} is a link, and root follows none there" in ran.stderr
    assert (theirs.read_text(), theirs.stat().st_uid) == ("root's own\n", 0)


def test_a_ledger_that_is_not_its_folders_owners_is_not_opened_by_root(folder: Path, ctgo: Running) -> None:
    config = configure(folder, ctgo)
    (folder / "state" / "syncd.db").touch(0o600)
    ran = syncd(config, "--once")
    assert (ran.returncode, (folder / "state" / "syncd.db").stat().st_size) == (78, 0)
    assert f"belongs to root, and its folder to the user {SERVICE.uid}: give both one owner" in ran.stderr


def link_of_the_services(folder: Path) -> Path:
    """The service has the ledger's folder be one of root's."""
    (folder / "roots").mkdir(0o700)
    (folder / "state" / "deeper").symlink_to(folder / "roots")
    return folder / "state" / "deeper" / "syncd.db"


def folder_that_all_may_write(folder: Path) -> Path:
    """Anybody may put another folder in the place of the ledger's."""
    (folder / "open" / "roots").mkdir(parents=True)
    (folder / "open").chmod(0o777)
    return folder / "open" / "roots" / "syncd.db"


def folder_that_a_group_may_write(folder: Path) -> Path:
    """Whoever is in the service's group may."""
    (folder / "state").chmod(0o770)
    return folder / "state" / "syncd.db"


def name_that_is_free_in_a_folder_for_all(folder: Path) -> Path:
    """As in /tmp: what is not there yet may be anybody's in a moment."""
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    return folder / "tmp" / "new" / "syncd.db"


@pytest.mark.parametrize(
    "lay",
    [
        link_of_the_services,
        folder_that_all_may_write,
        folder_that_a_group_may_write,
        name_that_is_free_in_a_folder_for_all,
    ],
)
def test_root_goes_nowhere_where_others_may_lead_it(
    folder: Path, ctgo: Running, lay: Callable[[Path], Path]
) -> None:
    config = configure(folder, ctgo)
    ledger = lay(folder)
    config.write_text(config.read_text().replace(str(folder / "state" / "syncd.db"), str(ledger)))
    ran = syncd(config, "--once")
    assert (ran.returncode, ledger.exists(), len(ctgo.world.requests)) == (78, False, 0)
    assert f"on the way to {ledger}: name another place in state.url" in ran.stderr


def test_a_link_of_roots_own_is_followed_and_so_is_what_is_taken_in_a_sticky_folder(
    folder: Path, ctgo: Running
) -> None:
    config = configure(folder, ctgo)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    (folder / "tmp" / "moved").symlink_to(Path("..") / "state")
    config.write_text(
        config.read_text().replace(f"{folder / 'state'}/syncd.db", str(folder / "tmp" / "moved" / "syncd.db"))
    )
    ran = syncd(config, "--once")
    assert ran.returncode == 0, ran.stderr
    assert owners(folder / "state") == {SERVICE.uid}


def test_root_whose_ledger_is_its_own_writes_through_no_link(folder: Path, ctgo: Running) -> None:
    config, theirs = configure(folder, ctgo), folder / "profile.sh"
    (folder / "roots").mkdir(0o700)
    config.write_text(config.read_text().replace(f"{folder / 'state'}/syncd.db", f"{folder}/roots/syncd.db"))
    theirs.write_text("")
    (folder / "state" / "leads.csv").symlink_to(theirs)
    ran = syncd(config, "--once")
    assert (ran.returncode, theirs.read_text()) == (75, ""), ran.stderr
    assert "it is a link, and root follows none" in syncd(config, "status").stdout
    assert "it is a link, and root follows none" in syncd(config, "check").stdout


def test_where_others_may_lead_it_root_does_not_even_become_somebody(folder: Path) -> None:
    """In this process, which stays what it is."""
    (folder / "syncd.db").symlink_to("/etc/passwd")
    with pytest.raises(SettingsError, match="is a link, and root follows none"):
        privileges.become_owner_of(folder / "syncd.db")
    with pytest.raises(SettingsError, match="others than root and root may change"):
        privileges.become_owner_of(folder_that_all_may_write(folder))


def test_an_owner_with_a_name_brings_its_groups_and_home() -> None:
    assert privileges.owner_of(Path("/syncd.db")) == privileges.Owner(0, 0, "root", "/root")


def test_a_program_that_the_owner_cannot_read_is_said_before_anything_is_opened(
    folder: Path, ctgo: Running
) -> None:
    config = configure(folder, ctgo)
    hidden = folder / "hidden"
    hidden.mkdir(0o700)
    shutil.copytree(Path(privileges.__file__).parents[1], hidden / "syncd")
    ran = run(PYTHON, "-m", "syncd", "--config", str(config), "--once", modules=(str(hidden),))
    assert ran.returncode == 78
    assert f"syncd is installed below {hidden}, which the user {SERVICE.uid}" in ran.stderr
    assert list((folder / "state").iterdir()) == []


def test_root_is_told_who_was_not_permitted(folder: Path, ctgo: Running) -> None:
    config = configure(folder, ctgo)
    assert syncd(config, "--once").returncode == 0
    (folder / "state").chmod(0)
    ran = syncd(config, "pause", "sheet")
    assert ran.returncode == 74
    assert f"You are root, but the ledger's owner {SERVICE.uid} did this" in ran.stderr


def test_a_backup_goes_where_the_ledgers_owner_may_write(folder: Path, ctgo: Running) -> None:
    config = configure(folder, ctgo)
    assert syncd(config, "--once").returncode == 0
    ran = syncd(config, "backup", str(folder / "root-only.db"))
    assert (ran.returncode, "You are root, but" in ran.stderr) == (74, True), ran.stderr
    assert syncd(config, "backup", str(folder / "state" / "copy.db")).returncode == 0
    assert owners(folder / "state") == {SERVICE.uid}


def test_whoever_is_not_root_stays_who_they_are(folder: Path, ctgo: Running) -> None:
    config = configure(folder, ctgo)
    os.chown(config, SERVICE.uid, SERVICE.gid)
    ran = run(PYTHON, "-m", "syncd", "--config", str(config), "--once", user=SERVICE.uid)
    assert ran.returncode == 0, ran.stderr
    assert owners(folder / "state") == {SERVICE.uid}


def in_etc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where `/etc/syncd` and `/var/lib/syncd` are this folder's, in mounts of its own."""
    script = (
        'set -e; for at in etc var/lib; do mkdir -p "$0/$at-up" "$0/$at-work"; '
        'mount -t overlay overlay -o "lowerdir=/$at,upperdir=$0/$at-up,workdir=$0/$at-work" "/$at"; done; '
        'mkdir -p /etc/syncd /var/lib/syncd; mount --bind "$0/conf" /etc/syncd; '
        'mount --bind "$0/state" /var/lib/syncd; cd /; exec "$@"'
    )
    ran = run("unshare", "--mount", "sh", "-c", script, str(folder), *arguments)
    if "mount" in ran.stderr:
        pytest.skip(f"no mounts here: {ran.stderr}")
    return ran


def test_whoever_may_not_see_the_services_secrets_is_told_to_use_sudo(folder: Path) -> None:
    (folder / "conf" / "credentials").mkdir(parents=True)
    (folder / "conf" / "config.toml").write_text("[sources.main]\n")
    (folder / "conf" / "credentials").chmod(0o700)
    someone = (
        "env",
        "HOME=/",
        "setpriv",
        "--reuid",
        "61235",
        "--regid",
        "61235",
        "--clear-groups",
        PYTHON,
        "-m",
        "syncd",
        "status",
    )
    ran = in_etc(folder, *someone)
    assert (ran.returncode, "api_key: is missing" in ran.stderr) == (78, True), ran.stderr
    assert "/etc/syncd: only root and the service may read all of it: run this again with sudo" in ran.stderr
    (folder / "conf").chmod(0o700)
    ran = in_etc(folder, *someone)
    assert (ran.returncode, "run this again with sudo" in ran.stderr) == (78, True)


def test_root_finds_the_services_configuration_and_credentials_and_data(folder: Path, ctgo: Running) -> None:
    (folder / "conf" / "credentials").mkdir(parents=True)
    (folder / "conf" / "config.toml").write_text(
        f'[sources.main]\nbase_url = "{ctgo.url}/api/v2"\n[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n'
    )
    secret = folder / "conf" / "credentials" / "sources.main.api_key"
    secret.write_text(KEY + "\n")
    secret.parent.chmod(0o700)
    ran = in_etc(folder, PYTHON, "-m", "syncd", "--once")
    assert (ran.returncode, len(ctgo.world.exported)) == (0, 7), ran.stderr
    assert {path.name for path in (folder / "state").iterdir()} >= {"leads.csv", "syncd.db"}
    assert owners(folder / "state") == {SERVICE.uid}
    assert {path.name for path in (folder / "conf").iterdir()} == {"credentials", "config.toml"}


def test_a_strangers_configuration_is_sent_no_key(folder: Path, ctgo: Running) -> None:
    """Somebody's folder, their file, and a key in the environment: they would be sent it."""
    config = configure(folder, ctgo)
    os.chown(config, 61235, 61235)
    config.chmod(0o644)
    python = ("env", f"--chdir={folder}", "SYNCD_SOURCES__MAIN__API_KEY=ctgo_real", PYTHON, "-m", "syncd")
    for verb in (["--once", "--dry-run"], ["me"], ["check"]):
        ran = run(*python, *verb, user=SERVICE.uid)
        assert "others may change config.toml; with --config config.toml it is read" in ran.stderr, ran
        assert not ctgo.world.requests
    assert run(*python, "--config", "config.toml", "me", user=SERVICE.uid).returncode == 0


def test_root_in_a_folder_of_the_service_reads_its_own_configuration(folder: Path, ctgo: Running) -> None:
    (folder / "conf").mkdir()
    (folder / "conf" / "config.toml").write_text(
        f'[sources.main]\napi_key = "{KEY}"\nbase_url = "{ctgo.url}/api/v2"\n'
    )
    theirs = folder / "state" / "config.toml"
    theirs.write_text("nonsense")
    os.chown(theirs, SERVICE.uid, SERVICE.gid)
    ran = in_etc(folder, "env", "--chdir=/var/lib/syncd", PYTHON, "-m", "syncd", "me")
    assert ran.returncode == 0, ran.stderr
    assert "config.toml of this folder is passed over: root reads the system's" in ran.stderr
    assert "/etc/syncd/config.toml is read instead." in ran.stderr


STRANGER = 61235


@pytest.mark.parametrize(
    ("verb", "file"),
    [
        ("status", "state"),
        ("pause", "state/syncd.db"),
        ("--once", "state/syncd.db.lock"),
        ("check", "state/syncd.db"),
    ],
)
def test_a_ledger_of_another_user_is_named_with_its_owner(
    folder: Path, ctgo: Running, verb: str, file: str
) -> None:
    config = configure(folder, ctgo)
    assert syncd(config, "--once").returncode == 0
    config.chmod(0o644)
    if file != "state":
        (folder / "state").chmod(0o777)
        (folder / file).touch(0o600)
        os.chown(folder / file, 0, 0)
    arguments = [verb, "sheet"] if verb == "pause" else [verb]
    ran = run(PYTHON, "-m", "syncd", "--config", str(config), *arguments, user=STRANGER)
    owner = "61234" if file == "state" else "root"
    told = f"{folder / file} belongs to {owner}, and you are {STRANGER}: run this as {owner}, or give it to {STRANGER} with chown"
    assert ran.returncode == 74
    assert told in ran.stdout + ran.stderr
