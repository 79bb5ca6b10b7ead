"""The wider API against the simulator, which was written from the same pages by other hands."""

import re
from pathlib import Path

import httpx
import pytest

from syncd.ctgo import Client
from syncd.ctgo.campaigns.api import BASE_URL
from syncd.ctgo.campaigns.drafts import LeadFilter
from syncd.settings import Source
from syncd.simulator import Options, create_app
from tests.ctgo.remote import BASE, KEY, failure_of


def simulated(**options: object) -> Client:
    app = create_app(Options(**options))  # type: ignore[arg-type]
    return Client(KEY, BASE, transport=httpx.WSGITransport(app))


def test_the_client_asks_where_a_configuration_asks_by_default() -> None:
    assert str(Source.model_fields["base_url"].default) == BASE_URL


def test_the_page_of_the_client_shows_a_program_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "guides" / "python-client.md").read_text()
    program = re.search(r"```python\n(.+?)```", page, re.DOTALL)
    assert program is not None
    shown = program[1].replace("from syncd.ctgo import Client\n", "")
    exec(shown, {"Client": lambda _key: simulated()})  # noqa: S102 - our own page
    assert len(capsys.readouterr().out.splitlines()) == len(simulated().streams.list())


@pytest.mark.parametrize("envelope", ["named", "bare"])
def test_campaigns_are_listed_and_shown_with_their_pairs(envelope: str) -> None:
    api = simulated(stream_envelope=envelope)
    listed = api.streams.list()
    assert listed
    shown = api.streams.show(listed[0].id)
    assert shown.name == listed[0].name
    assert shown.pairs
    assert all(pair.account_id and pair.segment_id and pair.handle for pair in shown.pairs)
    assert shown.sync_times
    assert failure_of(lambda: api.streams.show(999_999)).code == "not_found"


def test_accounts_and_segments_of_the_pairs_are_on_their_lists() -> None:
    api = simulated()
    accounts, segments = api.accounts.list(), {segment.id for segment in api.segments.list()}
    for pair in api.streams.show(api.streams.list()[0].id).pairs or ():
        account = accounts.find(pair.handle or "")
        assert account is not None
        assert account.id == pair.account_id
        assert pair.segment_id in segments


def test_me_tells_budgets_and_credits() -> None:
    me = simulated(credits=31).me()
    assert me.credits is not None
    assert me.credits.balance == 31
    assert me.accounts
    first = me.accounts[0]
    assert first.monthly_retest is not None
    assert first.monthly_retest.billing_period_start
    assert me.totals is not None
    assert me.totals.monthly_retest_remaining is not None


def test_counts_agree_with_what_is_listed() -> None:
    api = simulated(leads=40)
    wanted = LeadFilter(match_confidence="high")
    for campaign in api.streams.list():
        page = api.leads.of_stream(campaign.id, wanted, limit=500)
        assert (
            api.leads.across(wanted, stream_id=campaign.id, limit=500).total == page.total == len(page.rows)
        )
        assert api.leads.count_of_stream(campaign.id).high == page.total
    assert api.request("GET", "/leads?limit=1")["total"] == 40
