"""What goes out, under which id, with which signature, and what its options refuse."""

import base64
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.webhook import message
from connectors.webhook.options import WebhookOptions
from syncd.connector import VARIABLES, Delivered, Halt, Pause, Reject
from syncd.mapping import VARIABLES as KNOWN
from syncd.registry import configure
from syncd.settings import load
from syncd.simulator.crms.webhook import SIGNING_SECRET, TOKEN
from syncd.testing import LaneHarness
from tests.connectors.webhook.webhook_bench import outcome, table

URL = "https://hooks.example.com/leads"


def test_the_signature_is_that_of_the_published_example() -> None:
    keys = message.secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = message.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, b'{"test": 2432232314}', keys)
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_without_fields_every_variable_is_sent_under_its_own_name() -> None:
    assert VARIABLES == KNOWN
    with table() as bench:
        assert isinstance(outcome(bench, bench.delivery(1)), Delivered)
        (lead,) = bench.fake.taken.values()
    assert set(lead) == set(KNOWN)
    assert (lead["id"], lead["follower_count"], lead["stream_name"]) == (
        1,
        lead["raw"]["profile"]["followerCount"],
        "Founders who ship",
    )


def test_what_is_not_known_is_not_in_the_body() -> None:
    with table() as bench:
        outcome(bench, bench.delivery(1, emailed=False, bio=" ", follower_count=None))
        (lead,) = bench.fake.taken.values()
    assert {"email", "bio", "follower_count"}.isdisjoint(lead)


def test_a_resend_has_the_same_id_and_a_new_time_also_from_another_instance() -> None:
    with table() as bench:
        assert outcome(bench, bench.delivery(1)) == Delivered("contract-main-1-7-3")
        bench.clock.advance(90)
        assert bench.again is not None
        bench.connector.close()
        bench.connector = bench.again()
        outcome(bench, bench.delivery(1, attempt=2))
        outcome(bench, bench.delivery(2))
        heads = [head for head, _ in bench.fake.seen]
    first, second, other = heads
    assert first["webhook-id"] == second["webhook-id"] == "contract-main-1-7-3"
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 90
    assert first["webhook-signature"] != second["webhook-signature"]
    assert other["webhook-id"] != first["webhook-id"]
    assert all("." not in head["webhook-id"] for head in heads)


def test_an_unsigned_request_has_an_id_and_a_time_all_the_same() -> None:
    with table(signed=False) as bench:
        outcome(bench, bench.delivery(1))
        ((head, body),) = bench.fake.seen
    assert (head["webhook-id"], head["content-type"], head["user-agent"]) == (
        "contract-main-1-7-3",
        "application/json",
        "ctgo-syncd",
    )
    assert "webhook-signature" not in head
    assert json.loads(body)["id"] == 1


def test_while_a_secret_is_changed_both_are_signed_with() -> None:
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    with table(signing_secret=f"{new} {SIGNING_SECRET}") as bench:
        assert isinstance(outcome(bench, bench.delivery(1)), Delivered)
    with table(signing_secret=new) as bench:
        why = outcome(bench, bench.delivery(1))
    assert isinstance(why, Halt)
    assert why.code == "webhook_refused_access"


def test_the_body_that_is_signed_is_the_body_that_is_sent_whatever_is_in_it() -> None:
    with table(fields={"text": "{{ display_name }}"}) as bench:
        told = outcome(bench, bench.delivery(1, in_place_of={"é": "\ud800\0✓"}))
        assert isinstance(told, Delivered)
        ((_, body),) = bench.fake.seen
    assert "�✓" in json.loads(body)["text"]


def test_a_lead_of_whom_no_field_is_known_is_set_aside_and_not_sent() -> None:
    with table(fields={"email": "{{ email }}"}) as bench:
        why = outcome(bench, bench.delivery(1, emailed=False))
        assert (isinstance(why, Reject), bench.fake.requests) == (True, 0)


KINDS: dict[int, type] = {
    **dict.fromkeys((200, 201, 204), Delivered),
    **dict.fromkeys((301, 307, 401, 404, 410), Halt),
    **dict.fromkeys((400, 409, 413, 422), Reject),
    **dict.fromkeys((403, 408, 429, 500, 503), Pause),
}


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_a_status_over_the_wire_means_what_the_table_says(status: int, kind: type) -> None:
    with table() as bench:
        bench.fake.answer_next(status)
        assert type(outcome(bench, bench.delivery(1))) is kind
        assert bench.fake.taken == {}


def test_a_firewall_that_dislikes_one_lead_holds_no_other_up() -> None:
    with table() as bench:
        bench.fake.firewall = b"<script>"
        leads = [bench.delivery(n) for n in range(1, 11)]
        leads[0] = bench.delivery(1, in_place_of={"Workshop": "<script>"})
        harness = LaneHarness(bench, *leads)
        for _ in range(40):
            bench.clock.advance((harness.lane.wait(bench.clock.now()) or 0.0) + 0.001)
            harness.step()
        assert len(bench.fake.taken) == 9
        assert harness.pending in ([], [leads[0].id])
        assert {why.code for call in harness.calls for why in call.failures} == {"webhook_forbidden"}


def test_503_pauses_by_a_date_too() -> None:
    with table() as bench:
        noon = "Thu, 11 Jun 2026 12:00:00 GMT"
        bench.fake.answer_next(503, date=noon, retry_after="Thu, 11 Jun 2026 12:01:30 GMT")
        why = outcome(bench, bench.delivery(1))
    assert isinstance(why, Pause)
    assert (why.after, why.unexplained) == (90.0, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?b=c",
        "https://hooks.example.com:8443",
        "http://localhost:5678/webhook/x",
        "http://127.0.0.1/x",
        "http://[::1]:1/x",
        "https://8.8.8.8/x",
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert WebhookOptions.model_validate({"url": url}).url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "ftp://hooks.example.com",
        "https://",
        "http://hooks.example.com/x",
        "http://10.0.0.1/x",
        "http://localhost.example.com/x",
        "https://me:pw@hooks.example.com/x",
        "https://hooks.example.com/x#y",
        "https://hooks.example.com/x y",
        "https://hooks.example.com/x\r\nX: y",
        "https://hooks.exämple.com/x",
        "https://hooks.example.com\\@127.0.0.1/x",
        "https://hooks.example.com:99999/x",
        "https://10.0.0.1/x",
        "https://999.1.1.1/x",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/x",
    ],
)
def test_addresses_that_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookOptions.model_validate({"url": url})
    assert "latest" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_private_address_in_the_url_needs_leave_and_a_clouds_metadata_gets_none() -> None:
    assert WebhookOptions.model_validate({"url": "https://10.0.0.1/x", "allow_private": True})
    with pytest.raises(ValidationError):
        WebhookOptions.model_validate({"url": "https://169.254.169.254/x", "allow_private": True})


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "other.example.com"},
        {"Content-Length": "3"},
        {"content-type": "text/plain"},
        {"Transfer-Encoding": "chunked"},
        {"Webhook-Id": "mine"},
        {"X Y": "z"},
        {"": "z"},
        {"X": ""},
        {"X": "a\r\nY: b"},
        {"X": "schlüssel"},
        {"X-Key": "a", "x-key": "b"},
    ],
)
def test_headers_that_are_refused_without_their_values(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookOptions.model_validate({"url": URL, "headers": headers})
    assert "schlüssel" not in str(caught.value)
    assert "other.example" not in str(caught.value)


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_c2hvcnQ=", "not base64!", "whsec_" + base64.b64encode(b"x" * 65).decode()]
)
def test_secrets_that_are_no_keys_are_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookOptions.model_validate({"url": URL, "signing_secret": secret})
    assert secret == "whsec_" or secret.removeprefix("whsec_") not in str(caught.value)


def test_each_secret_can_come_from_the_environment_or_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[connectors.hook]\ntype = "webhook"\n')
    (tmp_path / "connectors.hook.headers.X-Key").write_text("k3y\n")
    (tmp_path / "connectors.hook.url").write_text(URL + "\n")
    environ = {"SYNCD_CONNECTORS__HOOK__HEADERS__AUTHORIZATION": "Bearer 1"}
    chosen = configure(load(tmp_path / "config.toml", environ, docker_secrets=tmp_path))["hook"]
    assert isinstance(chosen.options, WebhookOptions)
    assert {name: value.get_secret_value() for name, value in chosen.options.headers.items()} == {
        "X-Key": "k3y",
        "authorization": "Bearer 1",
    }
    assert chosen.secrets == {"k3y", "Bearer 1", URL}


def test_options_show_no_secret() -> None:
    options = WebhookOptions.model_validate(
        {"url": URL + "/T0KEN", "headers": {"X": TOKEN}, "signing_secret": SIGNING_SECRET}
    )
    shown = f"{options!r} {options}"
    assert not any(secret in shown for secret in ("T0KEN", TOKEN, SIGNING_SECRET))
