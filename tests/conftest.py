"""For all tests: a defect that the environment names is planted, and a whole run ends with what it came to."""

import os
import signal

import pytest
from hypothesis import settings

from tests.proof.defects.all import DEFECTS
from tests.proof.defects.planting import import_all
from tests.proof.telling import Telling, is_whole

SWITCH = "SYNCD_DEFECT"


def pytest_configure(config: pytest.Config) -> None:
    """Plant before any test is imported. The program itself must never see the variable, nor Hypothesis keep what it finds."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started by nohup or in a shell's background; the processes that tests start would ignore it as well
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if is_whole(config):
        config.pluginmanager.register(Telling())
    name = os.environ.get(SWITCH)
    if not name:
        return
    plant = DEFECTS[name].plant if name in DEFECTS else None
    if plant is None:
        raise pytest.UsageError(f"{SWITCH}={name}: no defect of that name can be planted")
    settings.register_profile("planted", database=None)
    settings.load_profile("planted")
    import_all()
    try:
        plant()
    except (AttributeError, ImportError, KeyError) as error:
        raise pytest.UsageError(
            f"{name} no longer fits the program, for names have changed: {error!r}"
        ) from None
    if not config.getoption("numprocesses", None):  # whoever has workers must leave it to them
        del os.environ[SWITCH]
