"""The wider API against the simulator, which was written from the same pages by other hands."""

import httpx
import pytest
from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.ctgo import Upstream
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import LeadFilter
from syncd.simulator import Options, create_app
from tests.ctgo.remote import BASE, KEY, failure_of


def simulated(**options: object) -> Api:
    app = create_app(Options(**options))  # type: ignore[arg-type]
    client = Upstream(BASE, SecretStr(KEY), SystemClock(), transport=httpx.WSGITransport(app))
    return Api(client.ask)


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
