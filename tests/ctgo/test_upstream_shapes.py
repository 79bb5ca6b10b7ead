"""An answer is what was promised or a failure; one bad row spoils no page."""

import gzip
import json

import httpx
import pytest
from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.core.failure import Pause
from syncd.core.lead import Malformed, parse_lead, read_lead
from syncd.ctgo import Upstream
from tests.ctgo.remote import BASE, KEY, answering, failure_of

GOOD = json.dumps(
    {
        "id": 1,
        "streamId": 14,
        "segmentId": 6,
        "discoveredAt": "2026-06-11T07:15:00Z",
        "profile": {"xUserId": "2290114477", "handle": "mara_builds"},
    }
)


def page(rows: str, rest: str = '"total": 2, "hasMore": false') -> bytes:
    return f'{{"leads": [{rows}], {rest}}}'.encode()


NO_PAGES: dict[str, bytes] = {
    "a web page": b"<!doctype html><title>Log in</title>",
    "nothing": b"",
    "blanks": b"  \n",
    "half of it": page(GOOD)[:-30],
    "another encoding": page(GOOD).decode().encode("utf-16"),
    "a bare list": f"[{GOOD}]".encode(),
    "null": b"null",
    "a number": b"7",
    "no leads": b'{"total": 0, "hasMore": false}',
    "an error": b'{"error": "sorry"}',
    "leads that are null": b'{"leads": null}',
    "null, and more": b'{"leads": null, "total": 0, "hasMore": true}',
    "null, and some": b'{"leads": null, "total": 2, "hasMore": false}',
    "leads in an object": b'{"leads": {"14": []}}',
    "NaN for leads": b'{"leads": NaN}',
    "hasMore in words": page("", '"hasMore": "false"'),
    "hasMore as a number": page("", '"hasMore": 0'),
    "total in words": page("", '"total": "2"'),
    "total as a truth": page("", '"total": true'),
    "total with a fraction": page("", '"total": 2.0'),
    "a negative total": page("", '"total": -1'),
    "a giant total": page("", '"total": ' + "9" * 5000),
    "a nesting without end": b'{"leads": ' + b"[" * 100_000,
    "a closed nesting without end": b'{"leads": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    "millions of rows": page(",".join(["[]"] * 1_000_000)),
    "trailing text": page(GOOD) + b"<!-- cached -->",
    "two answers": page(GOOD) * 2,
}


@pytest.mark.parametrize("body", NO_PAGES.values(), ids=NO_PAGES.keys())
def test_what_is_no_page_is_a_failure_and_never_an_empty_page(body: bytes) -> None:
    failure = failure_of(lambda: answering(200, body).leads(since=None))
    assert isinstance(failure, Pause)
    assert (failure.code, failure.unexplained) == ("unexpected_answer", True)
    assert "mara" not in str(failure)


@pytest.mark.parametrize("total", [b', "total": 0', b', "total": null', b""])
def test_an_empty_list_that_is_printed_as_null_is_an_empty_page(total: bytes) -> None:
    body = b'{"leads": null, "hasMore": false' + total + b"}"
    assert list(answering(200, body).leads(since=None).rows) == []


def test_a_204_where_a_page_is_promised_is_a_failure() -> None:
    assert failure_of(lambda: answering(204, b"").leads(since=None)).code == "unexpected_answer"


@pytest.mark.parametrize("beside", ['"x": NaN', r'"x": "\ud800"', '"x": ' + "9" * 5000])
def test_what_stands_beside_the_leads_spoils_no_page(beside: str) -> None:
    found = answering(200, page(GOOD, f'"total": 1, "hasMore": false, {beside}')).leads(since=None)
    assert (found.total, len(found.rows)) == (1, 1)


BAD_ROWS: dict[str, str] = {
    "a giant id": '{"id": ' + "9" * 5000 + ', "profile": {}}',
    "a giant campaign": '{"id": 2, "profile": {}, "streamId": ' + "9" * 5000 + "}",
    "a giant person": '{"id": 2, "profile": {"xUserId": ' + "9" * 5000 + "}}",
    "an infinite id": '{"id": 1e999, "profile": {}}',
    "a person in a list": '{"id": 2, "profile": {"xUserId": ["7"]}}',
    "nobody": '{"id": 2}',
    "null": "null",
    "a list": "[1]",
    "a text": '"row"',
    "no id": "{}",
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_one_bad_row_is_malformed_alone(row: str) -> None:
    rows = answering(200, page(f"{row}, {GOOD}")).leads(since=None).rows
    bad, good = (parse_lead("main", raw) for raw in rows)
    assert isinstance(bad, Malformed)
    assert not isinstance(good, Malformed)
    assert good[0].id == 1


ODD_ROWS: dict[str, str] = {
    "a giant integer": '{"id": 2, "profile": {"followerCount": ' + "9" * 5000 + "}}",
    "NaN": '{"id": 2, "score": NaN, "profile": {}}',
    "an infinity": '{"id": 2, "score": -Infinity, "profile": {}}',
    "a float too large": '{"id": 2, "score": 1e999, "profile": {}}',
    "a lone surrogate": r'{"id": 2, "bio": "\ud800", "profile": {}}',
    "NUL": r'{"id": 2, "bio": "\u0000", "profile": {}}',
    "megabytes": '{"id": 2, "profile": {"bio": "' + "x" * 3_000_000 + '"}}',
    "a nesting": '{"id": 2, "profile": {}, "x": ' + "[" * 300 + "]" * 300 + "}",
}


@pytest.mark.parametrize("row", ODD_ROWS.values(), ids=ODD_ROWS.keys())
def test_one_odd_row_is_a_lead_all_the_same(row: str) -> None:
    rows = answering(200, page(f"{row}, {GOOD}")).leads(since=None).rows
    odd, good = (parse_lead("main", raw) for raw in rows)
    assert not isinstance(odd, Malformed)
    assert not isinstance(good, Malformed)
    assert (odd[0].id, good[0].id) == (2, 1)
    assert read_lead("main", odd[1]) == odd[0]


def test_a_person_may_be_found_under_a_name_with_half_an_emoji() -> None:
    body = b'{"leadId": 7, "result": {"email": {"address": "m@x.example", "provider": "\\ud83d"}}}'
    assert answering(200, body).enrich(7, ["email"], "any").email == "m@x.example"


def test_a_giant_integer_costs_its_row_no_key() -> None:
    rows = answering(200, page(BAD_ROWS["a giant campaign"])).leads(since=None).rows
    bad = parse_lead("main", rows[0])
    assert isinstance(bad, Malformed)
    assert bad.key.id == 2


def test_a_page_says_what_the_answer_said_and_no_more() -> None:
    full = answering(200, page(GOOD)).leads(since=None)
    bare = answering(200, {"leads": []}).stream_leads(14, since=None)
    null = answering(200, {"leads": [], "total": None, "hasMore": None}).leads(since=None)
    assert (full.total, full.has_more, len(full.rows)) == (2, False, 1)
    assert (bare.total, bare.has_more, list(bare.rows)) == (None, None, [])
    assert (null.total, null.has_more) == (None, None)
    assert "mara" not in repr(full)


def gzipped(body: bytes, encoding: str = "gzip", max_bytes: int = 1024 * 1024) -> Upstream:
    def handler(_: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": encoding}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    transport = httpx.MockTransport(handler)
    return Upstream(BASE, SecretStr(KEY), SystemClock(), transport=transport, max_bytes=max_bytes)


def test_a_compressed_page_is_inflated() -> None:
    assert gzipped(gzip.compress(page(GOOD))).leads(since=None).total == 2
    assert gzipped(page(GOOD), "identity").leads(since=None).total == 2


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (page(GOOD), "gzip"),
        (gzip.compress(page(GOOD))[:-4], "gzip"),
        (gzip.compress(page(GOOD)) + b"more", "gzip"),
        (gzip.compress(page(GOOD)), "br"),
        (gzip.compress(gzip.compress(page(GOOD))), "gzip, gzip"),
    ],
)
def test_a_broken_or_unasked_encoding_is_a_failure(body: bytes, encoding: str) -> None:
    failure = failure_of(lambda: gzipped(body, encoding).leads(since=None))
    assert failure.code == "unexpected_answer"


def test_a_body_may_be_as_large_as_the_cap_and_no_larger() -> None:
    body = page(GOOD)
    for packed, encoding in ((body, "identity"), (gzip.compress(body), "gzip")):
        assert gzipped(packed, encoding, max_bytes=len(body)).leads(since=None).total == 2
        tight = gzipped(packed, encoding, max_bytes=len(body) - 1)
        assert "larger than" in failure_of(lambda tight=tight: tight.leads(since=None)).detail  # type: ignore[misc]


ME = {
    "name": "Noor Example",
    "email": "noor@example.org",
    "subscriptionStatus": "active",
    "accounts": [{"accountId": 3, "xHandle": "northwindlabs", "dailySync": {"used": 1, "cap": 1}}],
    "credits": {"balance": 31, "lowBalanceThreshold": 10, "isLow": False, "autoTopupEnabled": False},
    "totals": {"dailySyncRemaining": 0},
    "plan": {"name": "new"},
}


def test_me_keeps_what_it_does_not_know_and_shows_nobody() -> None:
    me = answering(200, ME).me()
    assert me.credits is not None
    assert (me.credits.balance, me.subscription_status) == (31, "active")
    assert me.accounts is not None
    assert me.accounts[0].handle == "northwindlabs"
    assert me.totals is not None
    assert me.totals.daily_sync_remaining == 0
    assert me.model_extra == {"plan": {"name": "new"}}
    assert "oor" not in repr(me) + str(me)


def test_a_field_of_another_type_counts_as_absent() -> None:
    me = answering(200, {**ME, "credits": "plenty", "accounts": {"3": {}}, "isFreeTier": None}).me()
    assert (me.credits, me.accounts, me.is_free_tier, me.name) == (None, None, None, "Noor Example")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"ok": true}', b'{"score": NaN}', b""])
def test_an_answer_with_nothing_promised_is_not_me(body: bytes) -> None:
    assert failure_of(answering(200, body).me).code == "unexpected_answer"


@pytest.mark.parametrize(
    "wrap", [lambda rows: rows, lambda rows: {"streams": rows}, lambda rows: {"data": rows}]
)
def test_campaigns_come_in_any_of_three_wrappings(wrap: object) -> None:
    assert callable(wrap)
    rows = [{"id": 14, "name": "Indie founders", "isActive": True}, {"id": 15, "name": None}]
    found = answering(200, wrap(rows)).streams()
    assert [(stream.id, stream.name) for stream in found] == [(14, "Indie founders"), (15, None)]
    assert found[0].model_extra == {"isActive": True}


@pytest.mark.parametrize(
    "body", [{}, {"streams": None}, [{"name": "no id"}], [{"id": 0}], ["14"], b"", b"<html>"]
)
def test_a_list_of_campaigns_that_would_miss_one_is_a_failure(body: object) -> None:
    assert failure_of(answering(200, body).streams).code == "unexpected_answer"


FOUND = {
    "leadId": 7,
    "x_profile_id": "2290114477",
    "result": {
        "ok": True,
        "kind": "resolved",
        "linkedin": {"url": "https://linkedin.com/in/mara-oduya", "confidence": "high"},
        "email": {"address": "mara@smalltools.example", "status": "verified", "provider": "prospeo"},
    },
    "credits_remaining": 31,
    "contact_routes": [{"routeType": "linkedin_url", "value": "https://linkedin.com/in/other"}],
}


def test_an_enrichment_is_read_and_shows_nobody() -> None:
    found = answering(200, FOUND).enrich(7, ["email", "linkedin_url"], "verified")
    assert (found.email, found.email_status) == ("mara@smalltools.example", "verified")
    assert (found.linkedin_url, found.credits_remaining) == ("https://linkedin.com/in/mara-oduya", 31)
    assert "mara" not in repr(found) + repr(found.result) + str(found)


@pytest.mark.parametrize(
    "result", [None, {}, {"ok": False, "kind": "nothing"}, {"email": None, "linkedin": "none"}, "nothing"]
)
def test_an_enrichment_may_have_found_nothing(result: object) -> None:
    found = answering(200, {"leadId": 7, "result": result, "credits_remaining": 30}).enrich(
        7, ["email"], "any"
    )
    assert (found.email, found.linkedin_url, found.credits_remaining) == (None, None, 30)


def test_a_contact_route_stands_in_for_a_missing_result() -> None:
    body = {"leadId": 7, "contact_routes": [{"routeType": "email", "value": "m@x.example"}]}
    assert answering(200, body).enrich(7, ["email"], "any").email == "m@x.example"


def test_an_enrichment_of_somebody_else_is_refused() -> None:
    client = answering(200, FOUND)
    assert failure_of(lambda: client.enrich(8, ["email"], "any")).code == "unexpected_answer"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("body", [b"", b"{}", b"OK", b'{"ok": true}', b"\xff"])
def test_any_2xx_exports(status: int, body: bytes) -> None:
    answering(status, body).export(7)


def test_a_web_page_exports_nothing() -> None:
    assert failure_of(lambda: answering(200, b" <html>Log in").export(7)).code == "unexpected_answer"
