"""What all verbs that ask CTGO have in common: `me`, `api`, the source, the shared budget, and every refusal."""

import io
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.app.paced_client import PATIENCE, PacedClient
from syncd.core.failure import Failure
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import Tier
from syncd.ctgo.campaigns.requests import Billing
from syncd.engine.budget import RequestBudget
from syncd.ledger import Ledger
from tests.cli.conftest import KEY, Home, MakeHome, order, requests_of, rows, told
from tests.cli.operate.test_cli_rejected import Keyboard
from tests.ctgo.stage import Stage
from tests.support.virtual import Clock

VERBS = [
    ("me",),
    ("streams",),
    ("streams", "show", "14"),
    ("segments",),
    ("segments", "show", "6"),
    ("accounts",),
    ("accounts", "show", "3"),
    ("runs",),
    ("runs", "show", "401"),
    ("api", "GET", "/me"),
]


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """No leads; runs are over as soon as they are begun."""
    return make_home(leads=0, run_seconds=0.0)


# me and api


def test_me_tells_who_it_is_and_what_is_left(home: Home) -> None:
    out = home.syncd("me").out
    assert re.search(r"^name +Noor Example$", out, re.MULTILINE)
    assert re.search(r"^credits +31$", out, re.MULTILINE)
    assert re.search(
        r"^ +11 +@tailspin_dev +starter +0 of 1 used, 1 left +0 of 12 used, 12 left$", out, re.MULTILINE
    )
    assert told(home, "me")["credits"]["balance"] == 31


def test_me_says_when_credits_are_low_or_come_by_themselves(make_home: MakeHome) -> None:
    assert re.search(r"^credits +3, which is low, topped up automatically$", make_home(credits=3, auto_topup=True).syncd("me").out, re.MULTILINE)  # fmt: skip


def test_me_copes_with_what_ctgo_leaves_out(home: Home) -> None:
    order(home, "fail", route="me", status=200, body={"name": "Noor", "accounts": [{"accountId": 3}]})
    ran = home.syncd("me")
    assert ran.code == 0
    assert "credits" not in ran.out


def test_any_request_can_be_sent_and_its_answer_is_json(home: Home) -> None:
    ran = home.syncd("api", "get", "/streams/14/runs?limit=1")
    assert ran.code == 0
    assert len(json.loads(ran.out)["runs"]) == 1
    assert home.syncd("api", "DELETE", "/dm-templates/7").code == 2
    assert home.sim.world.requests[0].query == "limit=1"


TEMPLATE = '{"name": "Hello", "messageBody": "Hi"}'


def test_data_is_what_is_said_a_files_or_stdins(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home.folder / "template.json"
    file.write_text(TEMPLATE.replace("Hello", "Filed"))
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(TEMPLATE.replace("Hello", "Piped").encode()))
    )
    for data in (TEMPLATE, f"@{file}", "-"):
        assert home.syncd("api", "POST", "/dm-templates", "--data", data).code == 0
    listed = json.loads(home.syncd("api", "GET", "/dm-templates").out)["templates"]
    assert {it["name"] for it in listed} >= {"Hello", "Filed", "Piped"}


def test_an_empty_answer_is_null(home: Home) -> None:
    order(home, "fail", route="streams", status=204, body="")
    assert home.syncd("api", "GET", "/streams").out == "null\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("BREW", "/me"), "the method must be one of"),
        (("BREW", "/accounts/3/sleep"), "the method must be one of"),
        (("GET", "me"), "the path must begin with /"),
        (("GET", "//evil.example/me"), "the path must begin with /"),
        (("GET", "https://evil.example/"), "the path must begin with /"),
        (("GET", "/streams/../../admin"), "the path must begin with /"),
        (("GET", "/streams/%2e%2e/x"), "the path must begin with /"),
        (("GET", "/me#x"), "the path must begin with /"),
        (("GET", "/me\r\nHost: evil.example"), "the path must begin with /"),
        (("GET", "/me", "--data", "{}"), "a GET has no data"),
        (("POST", "/segments", "--data", "{"), "--data: is not JSON: Expecting property name"),
        (("POST", "/segments", "--data", "[" * 100_000), "--data: is not JSON: it is nested too deep"),
        (
            ("POST", "/segments", "--data", "9" * 5000),
            "--data: is not JSON: it is nested too deep, or holds a number",
        ),
        (("POST", "/segments", "--data", "NaN"), "the data must be JSON"),
        (
            ("POST", "/segments", "--data", "@/none/such.json"),
            "/none/such.json: cannot be read: No such file",
        ),
    ],
)
def test_what_cannot_be_sent_is_a_usage_error_and_is_not_sent(
    home: Home, arguments: tuple[str, ...], why: str
) -> None:
    ran = home.syncd("api", *arguments)
    assert (ran.code, ran.out, requests_of(home)) == (64, "", [])
    assert why in ran.err
    assert len(ran.err.splitlines()) <= 2


BILLING: list[tuple[str, ...]] = [
    ("POST", "/accounts/3/sleep"),
    ("PATCH", "/streams/14", "--data", '{"pairs": [{"accountHandle": "ada", "segmentId": 6}]}'),
]


@pytest.mark.parametrize("arguments", BILLING)
def test_what_may_change_a_bill_is_not_sent_without_a_yes(
    home: Home, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    ran = home.syncd("api", *arguments)
    assert (ran.code, requests_of(home)) == (64, [])
    assert f"{arguments[0]} {arguments[1]} may change what CTGO bills." in ran.err
    monkeypatch.setattr(sys, "stdin", Keyboard("n\n"))
    assert home.syncd("api", *arguments).out == "Nothing was sent.\n"
    assert requests_of(home) == []
    assert home.syncd("api", *arguments, "--yes").code == 0
    assert len(requests_of(home)) == 1


# the source


def test_no_connector_is_needed(home: Home) -> None:
    home.connectors.clear()
    home.configure()
    for verb in VERBS:
        assert home.syncd(*verb).code == 0, verb


def test_a_connector_that_cannot_be_used_is_in_nobodys_way(home: Home) -> None:
    home.connectors = {"crm": 'type = "none_such"\nx = 1'}
    home.configure()
    assert home.syncd("streams").code == 0


def test_without_a_source_it_says_so(home: Home) -> None:
    home.config.write_text("")
    ran = home.syncd("me")
    assert (ran.code, "sources: there is none" in ran.err, "connectors" in ran.err) == (78, True, False)


@pytest.mark.parametrize("verb", VERBS)
def test_of_several_sources_one_must_be_named(home: Home, verb: tuple[str, ...]) -> None:
    other = (
        home.config.read_text()
        + f'\n[sources.eu]\napi_key = "{KEY}_2"\nbase_url = "{home.sim.url}/api/v2"\nconnectors = ["sheet"]\n'
    )
    home.config.write_text(other.replace("[sources.main]", '[sources.main]\nconnectors = ["sheet"]'))
    ran = home.syncd(*verb)
    assert (ran.code, ran.out) == (64, "")
    assert "There are several sources (main, eu): choose one with --source NAME." in ran.err
    assert home.syncd(*verb, "--source", "eu").code == 0
    assert {request.key for request in home.sim.world.requests} == {f"{KEY}_2"}
    ran = home.syncd(*verb, "--source", "eu1")
    assert (ran.code, "did you mean eu?" in ran.err) == (64, True)


# the budget


def slots(home: Home) -> int:
    return int(rows(home, "SELECT coalesce(sum(n), 0) FROM slot")[0][0])


def test_every_request_takes_a_slot_that_an_engine_counts_too(home: Home) -> None:
    home.syncd("me")
    assert slots(home) == 1
    home.syncd("runs", "show", "401")
    assert slots(home) == 3
    assert home.syncd("--once").code == 0


def test_a_ledger_is_made_for_the_owner_alone(home: Home) -> None:
    home.syncd("me")
    assert home.ledger.stat().st_mode & 0o777 == 0o600


def test_while_ctgo_asked_for_a_rest_nothing_is_sent(home: Home) -> None:
    order(
        home, "fail", route="me", status=429, body={"error": "rate_limited"}, headers={"Retry-After": "900"}
    )
    ran = home.syncd("me")
    assert (ran.code, "(rate_limited)" in ran.err) == (75, True)
    assert "Ask again in 15 min" in ran.err
    again = home.syncd("streams")
    assert (again.code, "All requests that the key may make in a minute are taken." in again.err) == (
        75,
        True,
    )
    assert requests_of(home) == ["GET /me"]


def test_a_ledger_that_cannot_be_used_is_said(home: Home) -> None:
    home.ledger.write_bytes(b"no database at all, but long enough to be read as one" * 50)
    ran = home.syncd("me")
    assert (ran.code, requests_of(home)) == (74, [])
    assert len(ran.err.splitlines()) <= 2


class Paces:
    """A client that plays a part, paced in virtual time."""

    def __init__(self, ledger: Ledger, script: dict[str, Any], *, limit: int = 2) -> None:
        self.clock = Clock()
        self.ledger = ledger
        self.stage = Stage(script)
        self.told: list[float] = []
        self.pacer = RequestBudget("ctgo_x", limit, self.clock, deadline=30.0)
        client = self.stage.client(self.clock, self.pacer.observe)
        self.paced = PacedClient(client, self.pacer, self.ledger, self.clock, self.told.append)
        self.api = Api(self.paced)


ME = (200, {"name": "Noor"})


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.in_memory() as made:
        yield made


def test_a_full_minute_is_waited_out_and_that_is_told(ledger: Ledger) -> None:
    paces = Paces(ledger, {"GET /me": ME})
    for _ in range(5):
        paces.api.me()
    assert 120 <= paces.clock.passed <= 121
    assert [round(wait) for wait in paces.told if wait > 1] == [60, 60]


def test_what_was_turned_away_for_the_limit_is_sent_again_after_the_rest(ledger: Ledger) -> None:
    paces = Paces(ledger, {"POST /segments": [(429, {"error": "rate_limited"}), (201, {"id": 6})]})
    assert paces.api.request("POST", "/segments", {"description": "x"}) == {"id": 6}
    assert 60 <= paces.clock.passed <= PATIENCE


def test_but_not_for_ever(ledger: Ledger) -> None:
    paces = Paces(ledger, {"GET /me": (429, {"error": "rate_limited"})}, limit=60)
    with pytest.raises(Failure) as caught:
        paces.api.me()
    assert caught.value.code == "rate_limited"
    assert len(paces.stage.asked) <= 3
    assert paces.clock.passed <= PATIENCE


@pytest.mark.parametrize("wait", ["0", "1"])
def test_nor_in_a_hurry(ledger: Ledger, wait: str) -> None:
    paces = Paces(ledger, {"GET /me": (429, {"error": "rate_limited"}, {"Retry-After": wait})}, limit=60)
    with pytest.raises(Failure):
        paces.api.me()
    assert len(paces.stage.asked) == 3


def test_exhausted_credits_are_no_limit_and_are_not_tried_again(ledger: Ledger) -> None:
    paces = Paces(ledger, {"POST /lookups/enrich": (429, {"error": "credits_exhausted"})})
    with pytest.raises(Failure) as caught:
        paces.api.lookups.enrich("ada")
    assert (caught.value.code, len(paces.stage.asked), paces.clock.passed) == ("credits_exhausted", 1, 0)


def test_looking_at_the_state_after_a_lost_answer_is_paced_as_well(ledger: Ledger) -> None:
    script = {
        "GET /accounts": (200, {"active": [{"id": 3, "xHandle": "a", "tier": "pro"}]}),
        "POST /accounts/3/change-tier": (504, b""),
    }
    paces = Paces(ledger, script, limit=1)
    change = paces.api.accounts.change_tier(3, Tier.PRO, billing=Billing.ACCEPTED)
    assert change.account is not None
    assert paces.stage.asked == ["POST /accounts/3/change-tier", "GET /accounts"]
    assert paces.clock.passed >= 60


# every refusal, by what a script and a person see of it

REFUSALS = [
    (401, {"error": "Invalid or revoked API key."}, "key_refused", 77, "syncd resume main"),
    (
        401,
        {"error": "Missing or invalid Authorization header. Use: Bearer <api_key>"},
        "key_refused",
        77,
        "api_key",
    ),
    (403, {"error": "subscription_required"}, "subscription_required", 77, "Renew the subscription"),
    (403, {"error": "forbidden"}, "forbidden", 77, "check the subscription"),
    (403, {"error": "budget_exhausted"}, "budget_exhausted", 75, "comes back by itself"),
    (404, {"error": "Stream not found"}, "not_found", 2, "not (or no longer) yours"),
    (404, "<html>", "unexpected_answer", 69, "no proxy or login page"),
    (409, {"error": "conflict"}, "conflicting", 75, "look at it, then ask again"),
    (410, {"error": "gone"}, "api_gone", 78, "base_url must end in /api/v2"),
    (422, {"error": "odd_state"}, "request_refused", 2, "CTGO says what is wrong"),
    (429, {"error": "credits_exhausted"}, "credits_exhausted", 75, "Top up the team's enrichment credits"),
    (307, {"error": "moved"}, "redirected", 78, "set base_url to the final address"),
    (500, {"error": "internal_error"}, "upstream_unavailable", 69, "ask again in a few minutes"),
    (502, "<html>Bad gateway</html>", "upstream_unavailable", 69, "ask again in a few minutes"),
    (503, {"error": "maintenance"}, "upstream_unavailable", 69, "ask again in a few minutes"),
    (200, "<html>Log in</html>", "unexpected_answer", 69, "no proxy or login page"),
]


@pytest.mark.parametrize(("status", "body", "code", "exits", "fix"), REFUSALS)
def test_each_refusal_has_its_code_a_sentence_a_fix_and_an_exit(
    *, home: Home, status: int, body: Any, code: str, exits: int, fix: str
) -> None:
    order(home, "fail", route="stream", status=status, body=body)
    ran = home.syncd("streams", "show", "14")
    assert (ran.code, ran.out) == (exits, "")
    sentence, advice = ran.err.splitlines()
    assert sentence.startswith("syncd: CTGO ")
    assert sentence.endswith(f"({code})")
    assert fix in advice
    assert "keeps trying" not in advice
    assert KEY not in ran.err


def test_a_revoked_key_is_refused(home: Home) -> None:
    order(home, "revoke", key=KEY)
    for verb in VERBS:
        ran = home.syncd(*verb)
        assert (ran.code, "(key_refused)" in ran.err) == (77, True)


@pytest.mark.parametrize("verb", VERBS)
def test_a_network_that_is_gone_is_said_once(home: Home, verb: tuple[str, ...]) -> None:
    home.configure(url="http://127.0.0.1:9/api/v2")
    ran = home.syncd(*verb)
    assert (ran.code, ran.out) == (69, "")
    assert ran.err == (
        "syncd: 127.0.0.1:9 refused the connection. (unreachable)\n"
        "  Check the network, DNS and the source's base_url, then ask again.\n"
    )


def test_an_address_that_is_not_ctgos_is_said(home: Home) -> None:
    home.configure(url=f"{home.sim.url}/nowhere")
    ran = home.syncd("streams")
    assert ran.code == 69
    assert "wrong_address" in ran.err or "unexpected_answer" in ran.err


def test_no_answer_makes_a_terminal_obey(home: Home) -> None:
    order(home, "fail", route="stream", status=400, body={"error": "\x1b[2Jx", "message": "[red]\u202ey\x07"})
    err = home.syncd("streams", "show", "14").err
    assert not set(err) & {"\x1b", "\u202e", "\x07"}
