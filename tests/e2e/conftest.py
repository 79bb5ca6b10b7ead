"""Everything there is, with the commands run in this process: a tenth of the time of processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd import cli
from tests.cli.conftest import log_put_back
from tests.e2e.everything import Everything, Ran, everything

LEADS = 12


@pytest.fixture
def it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Everything]:
    """With a dozen leads."""

    def run(arguments: list[str]) -> Ran:
        capsys.readouterr()
        code = cli.run(arguments)
        return Ran(code, *capsys.readouterr())

    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    with log_put_back(), everything(tmp_path, leads=LEADS) as made:
        made.run = run
        yield made
