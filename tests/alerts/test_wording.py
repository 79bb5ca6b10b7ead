"""One body that Slack, Discord and ntfy all take and show, whatever is in it, and that tells nobody's secrets."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from syncd.alerts import message
from syncd.alerts.decision import FAILING, HALTED, Alert, Message, Topic
from syncd.alerts.message import LONGEST, alert_text, fitting
from syncd.alerts.sender import Hook, Sender
from tests.alerts.receivers import Discord, Ntfy, OldNtfy, Receiver, Slack
from tests.support.growing import LINEAR, growth
from tests.support.virtual import Clock, Log

WEBHOOK = SecretStr("https://hooks.example/services/canary-secret")


def sender(receiver: Receiver) -> Sender:
    clock = Clock()
    hook = Hook(WEBHOOK, clock, transport=httpx.WSGITransport(app=receiver))
    return Sender(hook, clock, Log(), lambda _kind, _sent: None)


def alert(
    kind: str = "lane", where: str = "deliver crm", code: str = "token_refused", **more: object
) -> Alert:
    return Alert(Topic(kind, where), code, 0.0, **{"level": HALTED, **more})  # type: ignore[arg-type]


def said(*alerts: Alert) -> str:
    first = alerts[0]
    return alert_text(Message((first.code, first.over_at is not None), alerts), "vps1")


@pytest.mark.parametrize("kind", [Slack, Discord, Ntfy])
@given(text=st.text(min_size=1, max_size=6000).filter(lambda it: it.strip() and "\r" not in it))
def test_each_of_the_three_takes_and_shows_any_text(kind: type[Receiver], text: str) -> None:
    text = fitting(text.strip().encode(errors="replace").decode())
    receiver = kind()
    assert sender(receiver).post(text)
    assert receiver.shown == [text.strip()]


@pytest.mark.parametrize("kind", [Slack, Discord, Ntfy])
def test_nobody_is_rung(kind: type[Receiver]) -> None:
    receiver = kind()
    assert sender(receiver).post("<!channel> @everyone <@U123> & so on")
    assert (receiver.rang, receiver.shown) == (False, ["<!channel> @everyone <@U123> & so on"])


def test_an_old_ntfy_shows_the_body_itself() -> None:
    receiver = OldNtfy()
    assert sender(receiver).post("It has halted.")
    assert json.loads(receiver.shown[0])["message"] == "It has halted."


@given(text=st.text(max_size=9000))
def test_a_long_text_is_cut_to_what_the_strictest_takes(text: str) -> None:
    cut = fitting(text.encode(errors="replace").decode())
    assert len(cut) <= LONGEST
    assert len(cut.encode()) <= 4096


def test_a_halt_says_what_where_why_and_what_to_do() -> None:
    text = said(alert(detail="HubSpot answered 401.", fix="Make a new token. Then: syncd resume crm"))
    assert text == (
        "syncd on vps1: connector crm has halted (token_refused)\n"
        "HubSpot answered 401.\n"
        "What to do: Make a new token. Then: syncd resume crm"
    )


def test_its_end_says_that_and_no_more() -> None:
    assert (
        said(alert(over_at=9.0, detail="x", fix="y"))
        == "syncd on vps1: connector crm is well again (token_refused)"
    )


def test_many_of_one_cause_are_one_message_that_stays_short() -> None:
    text = said(*(alert(where=f"pull s{n}", code="key_refused", detail=f"Detail {n}.") for n in range(200)))
    assert text.startswith("syncd on vps1: source s0, source s1, ")
    assert "and 190 more have halted (key_refused)" in text
    assert "… and 190 more like these." in text
    assert len(text) < 1000


def test_halted_and_failing_of_one_cause_are_told_apart() -> None:
    text = said(alert(where="deliver a"), alert(where="deliver b", level=FAILING))
    assert "connector a has halted" in text
    assert "connector b has failed for a while" in text


@pytest.mark.parametrize(
    ("kind", "where", "begun", "over"),
    [
        ("pull", "main", "source main is not being pulled", "source main is pulled again"),
        ("set_aside", "crm", "crm has much set aside", "crm has little set aside now"),
        ("credits", "main", "source main has few credits left", "source main has credits again"),
        ("disk", "", "The disk is nearly full", "The disk has room again"),
        ("ledger", "", "Nothing is sent: the ledger is in trouble", "The ledger is well again"),
        ("daemon", "", "A lane hangs", "No lane hangs any more"),
        ("lane", "export main", "source main (exports) has halted", "source main (exports) is well again"),
    ],
)
def test_every_kind_has_its_words(kind: str, where: str, begun: str, over: str) -> None:
    assert begun in said(alert(kind, where))
    assert over in said(alert(kind, where, over_at=1.0))


def test_no_secret_no_address_and_no_control_character_is_told() -> None:
    text = said(alert(detail="ann.example+x@example.com got pat-eu1-canary \x1b[2J <bob@example.com>"))
    assert "ann" not in text
    assert "bob" not in text
    assert "canary" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("piece", ["a", "a@", "@", "a.", "(a", "https://", "://a:", "token=", "\x1b"])
def test_a_plugins_long_detail_is_cleaned_in_a_time_that_grows_as_it_does(piece: str) -> None:
    assert growth(message._clean, piece) < LINEAR


def test_the_address_is_a_secret_that_no_sentence_holds() -> None:
    receiver = Slack(status="404 no_service")
    out = sender(receiver)
    assert not out.post("Hello.")
    assert "canary-secret" not in str(out.log.events)  # type: ignore[attr-defined]
    assert "hooks.example answered 404" in str(out.log.events)  # type: ignore[attr-defined]
