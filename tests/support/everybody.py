"""An interpreter and an environment that any user of this machine may run syncd with.

A virtual environment may rest on a Python below `/root`, where nobody else can go; then one of the system's with the
same version, and so the same binary modules, does instead.
"""

import os
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ROOT))


def interpreter() -> Path | None:
    """The interpreter; None if there is none, or if this clone itself is where others may not go."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    homes = (Path(sys.base_prefix), Path("/usr"), Path("/usr/local"))
    reachable = (home / "bin" / name for home in homes if _open_to_all(home / "bin" / name))
    return next(reachable, None) if all(_open_to_all(Path(it)) for it in MODULES) else None


def environment(modules: tuple[str, ...] = MODULES) -> dict[str, str]:
    """This process's environment, for that interpreter: it finds the modules, and writes none."""
    own = {name: value for name, value in os.environ.items() if name not in {"SUDO_USER", "SYNCD_CONFIG"}}
    return {**own, "PYTHONPATH": os.pathsep.join(modules), "PYTHONDONTWRITEBYTECODE": "1"}


def _open_to_all(path: Path) -> bool:
    return path.exists() and all(it.stat().st_mode & 0o001 for it in path.resolve().parents)
