"""The program with a webhook beside a CSV file: best effort, under one id, behind a gate, and without a secret said."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import entry
from syncd.simulator import Options, Running, running
from syncd.simulator.crms.webhook import PREFIX, SIGNING_SECRET, TOKEN, WebhookFake
from syncd.simulator.wsgi import served
from tests.cli.conftest import log_put_back
from tests.e2e.everything import Ran

LEADS = 12
CONFIG = """\
[sources.main]
api_key = "ctgo_0123456789"
base_url = "{ctgo}/api/v2"
requests_per_minute = 6000
start = "all"

[connectors.sheet]
type = "csv"
path = "leads.csv"

[connectors.hook]
type = "webhook"
url = "{hook}{prefix}"
headers = {{ Authorization = "Bearer {token}" }}
signing_secret = "{secret}"
"""


class Place:
    """A folder with a configuration, what it talks to, and the commands run in this process."""

    def __init__(self, folder: Path, ctgo: Running, fake: WebhookFake, said: Callable[[], Any]) -> None:
        self.folder, self.ctgo, self.fake, self._said = folder, ctgo, fake, said

    def syncd(self, *arguments: str) -> Ran:
        self._said()
        ran = Ran(entry.run(["--config", str(self.folder / "config.toml"), *arguments]), *self._said())
        assert [secret for secret in (TOKEN, SIGNING_SECRET, PREFIX) if secret in ran.out + ran.err] == []
        return ran

    def exported(self) -> int:
        return len(self.ctgo.world.exported)


@pytest.fixture
def leads() -> int:
    return LEADS


@pytest.fixture
def place(
    tmp_path: Path, leads: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    fake = WebhookFake(time.time)
    with (
        log_put_back(),
        running(Options(leads=leads, seed=7, rate_limit=6000)) as ctgo,
        served(fake.wsgi) as hook,
    ):
        text = CONFIG.format(ctgo=ctgo.url, hook=hook, prefix=PREFIX, token=TOKEN, secret=SIGNING_SECRET)
        (tmp_path / "config.toml").write_text(text)
        (tmp_path / "config.toml").chmod(0o600)
        yield Place(tmp_path, ctgo, fake, capsys.readouterr)


def test_a_receiver_that_is_down_holds_up_no_export(place: Place) -> None:
    place.fake.tokens.clear()
    ran = place.syncd("--once", "--max-wait", "2s")
    assert ran.code == 75
    assert "webhook_refused_access" in ran.err
    assert (place.exported(), place.fake.taken) == (LEADS, {})
    place.fake.tokens.add(TOKEN)
    assert place.syncd("--once").code == 0
    assert len(place.fake.taken) == LEADS


def test_required_it_holds_them(place: Place) -> None:
    config = place.folder / "config.toml"
    config.write_text(config.read_text() + 'ack = "required"\n')
    place.fake.tokens.clear()
    assert place.syncd("--once", "--max-wait", "2s").code == 75
    assert place.exported() == 0
    place.fake.tokens.add(TOKEN)
    assert place.syncd("--once").code == 0
    assert (place.exported(), len(place.fake.taken)) == (LEADS, LEADS)


def test_a_lost_answer_and_a_lost_ledger_make_no_new_lead_for_who_looks_at_the_id(place: Place) -> None:
    place.fake.lose_next_answer()
    assert place.syncd("--once", "--yes").code == 0
    first = dict(place.fake.taken)
    assert len(first) == LEADS
    assert len(place.fake.seen) == LEADS + 1
    for path in place.folder.glob("syncd.db*"):
        path.unlink()
    assert place.syncd("--once", "--yes").code == 0
    assert place.fake.taken == first
    assert len(place.fake.seen) == 2 * LEADS + 1


@pytest.mark.parametrize("leads", [205])
def test_a_flood_waits_for_a_person(place: Place) -> None:
    assert place.syncd("--once").code == 75
    assert len(place.fake.taken) == 5
    assert place.syncd("release", "hook").code == 0
    assert place.syncd("--once").code == 0
    assert len(place.fake.taken) == 205
