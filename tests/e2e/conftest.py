"""Everything there is, with the commands run in this process: a tenth of the time of processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.simulator.crms import apollo, hubspot, salesforce
from tests.cli.conftest import log_put_back
from tests.e2e.everything import Everything, Ran, everything

LEADS = 12
SECRETS = (hubspot.TOKEN, salesforce.CLIENT_SECRET, apollo.KEY, "ctgo_0123456789")


@pytest.fixture
def it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Everything]:
    """With a dozen leads."""

    def run(arguments: list[str]) -> Ran:
        capsys.readouterr()
        ran = Ran(entry.run(arguments), *capsys.readouterr())
        assert [secret for secret in SECRETS if secret in ran.out + ran.err] == []
        return ran

    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    with log_put_back(), everything(tmp_path, leads=LEADS) as made:
        made.run = run
        yield made
