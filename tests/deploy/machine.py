"""A small machine with a systemd of its own, in namespaces on this one: what the units do is seen, not read.

Its disk is this machine's with changes laid over it, thrown away in the end; its processes, its mounts and its name are its own;
the network is shared, so that what a test serves on loopback can be reached. Only what the units need is started there.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import patience

SYSTEMD = Path("/lib/systemd/systemd")
TARGETS = ("sysinit", "basic", "sockets", "timers", "paths", "slices", "local-fs", "shutdown", "umount", "network", "network-online",
           "nss-lookup", "time-sync", "time-set", "multi-user")  # fmt: skip
"""What units ask to come before them: here there is nothing to wait for."""
DEVICES = ("null 1 3", "zero 1 5", "full 1 7", "random 1 8", "urandom 1 9", "tty 5 0")
UNIT_PATH = "/etc/systemd/targets:/etc/systemd/system:/usr/local/lib/systemd/system"
PATIENCE = 30.0

BOOT = f"""set -e
echo $$ > "$2/cgroup.procs"
exec unshare --mount --propagation private --pid --fork --kill-child --uts --ipc --cgroup sh -c '
set -e
disk="$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$disk"
mount --bind "$3" "$disk/opt/modules"
mount --bind "$4" "$disk/opt/clone"
mount -t proc proc "$disk/proc"; mount --bind "$disk/proc/sys" "$disk/proc/sys"; mount -o remount,bind,ro "$disk/proc/sys"
mount -t sysfs -o ro sysfs "$disk/sys"
mount -t tmpfs tmpfs "$disk/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$disk/sys/fs/cgroup"
for at in dev run tmp dev/shm; do mkdir -p "$disk/$at"; mount -t tmpfs -o mode=1777 tmpfs "$disk/$at"; done
while read -r name major minor; do mknod -m 666 "$disk/dev/$name" c "$major" "$minor"; done <<END
{chr(10).join(DEVICES)}
END
mkdir "$disk/dev/pts"; mount -t devpts -o newinstance,ptmxmode=0666 devpts "$disk/dev/pts"; ln -s pts/ptmx "$disk/dev/ptmx"
cd "$disk"; pivot_root . mnt; umount -l /mnt; mount --make-rshared /
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH={UNIT_PATH} \\
  {SYSTEMD} --system --unit=basic.target --log-target=console --log-level=info
' sh "$@"
"""


class NoMachineError(Exception):
    """It cannot be had here; says why."""


@dataclass(frozen=True)
class Machine:
    """It runs. `disk` is what was changed on it, as seen from outside."""

    pid: int
    disk: Path

    def run(self, *command: str, input_: str = "") -> subprocess.CompletedProcess[str]:
        """Do something there, as its root."""
        inside = [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--cgroup",
            "--",
            "env",
            "-i",
        ]
        words = [
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            f"SYSTEMD_UNIT_PATH={UNIT_PATH}",
            *command,
        ]
        return subprocess.run([*inside, *words], input=input_, capture_output=True, text=True, timeout=patience(PATIENCE), check=False)  # fmt: skip

    def put(self, path: str, text: str) -> None:
        """Write a file there, and have systemd read its units again."""
        write = 'umask 077; mkdir -p -m 755 "$(dirname "$0")"; cat > "$0"; systemctl daemon-reload'
        assert not self.run("sh", "-c", write, path, input_=text).returncode

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """What systemd knows of a unit."""
        told = self.run("systemctl", "show", unit, *(f"--property={name}" for name in names)).stdout
        return dict(line.split("=", 1) for line in told.splitlines())

    def until(self, unit: str, name: str, value: str) -> bool:
        """Whether something that systemd knows of a unit comes to be so."""
        give_up = time.monotonic() + patience(PATIENCE)
        while time.monotonic() < give_up:
            if self.show(unit, name)[name] == value:
                return True
        return False

    def pid_of(self, unit: str) -> int:
        """Its main process, as the machine numbers it; 0 when there is none."""
        return int(self.show(unit, "MainPID")["MainPID"])


@contextmanager
def booted(python: Path, modules: Path, clone: Path) -> Iterator[Machine]:
    """Boot it, with a program `/opt/syncd/bin/syncd` that is the clone's. Raises NoMachineError."""
    groups = _cgroups()
    folder = Path(tempfile.mkdtemp(prefix="syncd-machine-"))
    group = Path(tempfile.mkdtemp(prefix="syncd-machine-", dir=groups))
    started = None
    try:
        _furnish(folder, python)
        command = ["sh", "-c", BOOT, "sh", str(folder), str(group), str(modules), str(clone)]
        with (folder / "console").open("wb") as console:
            path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
            started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={**os.environ, "PATH": path},
            )
        machine = Machine(_first_process(started, folder), folder / "up")
        _await_systemd(machine, folder)
        yield machine
    finally:
        if started is not None:
            _end(started)
        _sweep(group)
        shutil.rmtree(folder)


def _cgroups() -> Path:
    """Where control groups of the second version are."""
    if os.geteuid() or not SYSTEMD.exists():
        raise NoMachineError("needs root and an installed systemd")
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    found = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    if found is None or not os.access(found, os.W_OK):
        raise NoMachineError("needs control groups of the second version")
    return found


def _furnish(folder: Path, python: Path) -> None:
    folder.chmod(0o755)
    up = folder / "up"
    for made in (
        folder / "root",
        folder / "work",
        up / "opt/modules",
        up / "opt/clone",
        up / "opt/syncd/bin",
    ):
        made.mkdir(parents=True)
    targets = up / "etc/systemd/targets"
    targets.mkdir(parents=True)
    for name in TARGETS:
        (targets / f"{name}.target").write_text(f"[Unit]\nDescription={name}\nDefaultDependencies=no\n")
    (up / "etc/systemd/system.conf.d").mkdir()
    (up / "etc/systemd/system.conf.d/quiet.conf").write_text("[Manager]\nDefaultStandardOutput=null\n")
    program = up / "opt/syncd/bin/syncd"
    program.write_text(
        f'#!/bin/sh\nexport PYTHONPATH=/opt/clone:/opt/modules\nexec {python} -B -m syncd "$@"\n'
    )
    program.chmod(0o755)


def _first_process(started: subprocess.Popen[bytes], folder: Path) -> int:
    """The number that the machine's first process has out here: the only child of the one that we started."""
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    while started.poll() is None:
        with suppress(OSError):
            if numbers := children.read_text().split():
                return int(numbers[0])
    raise NoMachineError(_console(folder))


def _await_systemd(machine: Machine, folder: Path) -> None:
    give_up = time.monotonic() + patience(PATIENCE)
    while Path(f"/proc/{machine.pid}").exists() and time.monotonic() < give_up:
        if machine.run("systemctl", "is-active", "basic.target").stdout == "active\n":
            return
    raise NoMachineError(_console(folder))


def _console(folder: Path) -> str:
    return (folder / "console").read_text(errors="replace")[-400:] or "it said nothing"


def _end(started: subprocess.Popen[bytes]) -> None:
    """Its first process dies with the one that made it, and the rest with its first."""
    with suppress(ProcessLookupError):
        os.kill(started.pid, signal.SIGKILL)
    started.wait()


def _sweep(group: Path) -> None:
    """Control groups can be removed when they are empty, the inner ones first."""
    give_up = time.monotonic() + patience(PATIENCE)
    while time.monotonic() < give_up:
        folders = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
        with suppress(OSError):
            for path in (*folders, group):
                path.rmdir()
            return
