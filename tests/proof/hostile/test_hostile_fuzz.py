# ruff: noqa: PT017 - of anything, most is refused; what is not is looked at as well
"""What parses what comes from outside, given anything: an answer of its own kind, and never another exception."""

import json
import random
import string
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.hubspot import rate_limit
from connectors.hubspot import statuses as hubspot_statuses
from connectors.salesforce import statuses as salesforce_statuses
from connectors.webhook.options import FAILURES
from syncd import settings as configuration
from syncd.connector import Field
from syncd.core.failure import Failure
from syncd.core.lead import Malformed, parse_lead, read_lead
from syncd.ctgo.campaigns.api import checked_path
from syncd.ctgo.campaigns.drafts import DraftError
from syncd.ctgo.exchange import count
from syncd.http.answer import LONGEST_WAIT, SHORTEST_WAIT, Answer, http_date, retry_after, whole_number
from syncd.mapping import FieldMap, Filter, MappingError, variables
from syncd.push import judge
from syncd.settings import Settings, SettingsError
from syncd.testing import samples
from tests.proof.depth import deep
from tests.proof.figures import record
from tests.proof.hostile import bodies
from tests.proof.hostile.wire import RETRY_AFTERS

EXAMPLE = (Path(__file__).parents[3] / "config.example.toml").read_text().replace('..."', 'x"')
NOW = 1_781_179_200.0
TRIES = deep(120)
fuzzed = settings(
    max_examples=TRIES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
dates = st.sampled_from(RETRY_AFTERS)
broken_dates = st.builds(
    lambda text, at, other: text[:at] + other + text[at + 1 :], dates, st.integers(0, 40), st.text(max_size=4)
)
numbers = st.from_regex(r"[+-]?[0-9]{0,20}(\.[0-9]{0,9})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
headers = st.one_of(st.text(), dates, broken_dates, numbers)
"""What may stand in a header that is a number or a date."""


@fuzzed
@given(headers)
def test_a_header_is_a_wait_within_bounds_or_nothing(text: str) -> None:
    for dated in ({}, {"date": text}):
        wait = retry_after({"retry-after": text, **dated}, NOW)
        assert wait is None or SHORTEST_WAIT <= wait <= LONGEST_WAIT
    assert isinstance(http_date({"date": text}), float | None)
    assert (count({"x": text}, "x") or 0) >= 0
    assert rate_limit.interval_of({"x-hubspot-ratelimit-interval-milliseconds": text}) > 0
    assert rate_limit.known_zone(text) in ("", text)
    assert (whole_number(text) or 0) >= 0


@fuzzed
@given(st.integers(0, 1000), headers)
def test_what_a_receiver_answers_is_yes_or_a_failure(status: int, text: str) -> None:
    answer = Answer(status, {"retry-after": text})
    assert answer.ok == (200 <= status < 300)
    assert isinstance(FAILURES.failure(answer, NOW), Failure)


@fuzzed
@given(st.integers(0, 2**32))
def test_a_row_is_a_lead_that_can_be_read_again_or_malformed(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - no secret
    try:
        raw = json.loads(bodies.broken(json.dumps(samples.raw_lead(1)).encode(), dice))
    except ValueError:
        return
    parsed = parse_lead("main", raw)
    if isinstance(parsed, Malformed):
        assert 0 <= parsed.key.id < 2**63
        assert parsed.reason
        parsed.payload.encode()
        return
    lead, payload = parsed
    again = read_lead("main", payload)
    assert (again.key, again.discovered_at, again.profile) == (lead.key, lead.discovered_at, lead.profile)
    assert 1 <= lead.key.id < 2**63
    variables(lead)


instants = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z(/[A-Za-z0-9]{15})?", fullmatch=True
)


@fuzzed
@given(st.one_of(st.text(), instants, numbers))
def test_a_cursor_is_a_place_or_the_beginning(text: str) -> None:
    place = salesforce_statuses.place_of(text)
    salesforce_statuses._quiet(place, [], NOW)
    salesforce_statuses._quiet(place, [], None)
    other = hubspot_statuses.place_of(text)
    hubspot_statuses.next_place(other, [], int(NOW * 1000))
    assert hubspot_statuses.place_of(other.text) == other


tokens = st.sampled_from(
    ("POST", "GET", " ", "  ", "/ctgo/", "token", "toke", "token?", "HTTP/1.1", "HTTP/2.0", "\0", "\xff", "%74oken", "//", "")
)  # fmt: skip


@fuzzed
@given(st.one_of(st.binary(), st.lists(tokens).map(lambda parts: "".join(parts).encode("latin-1"))))
def test_a_first_line_is_for_a_source_only_if_it_ends_in_its_token(line: bytes) -> None:
    answer = judge(line, {"main": "token"})
    if answer.source:
        assert line.startswith(b"POST ")
        assert b"/token" in line or b" token" in line


OTHERS = (
    "",
    "\0",
    "\n",
    "[",
    "]",
    '"',
    '"""',
    "=",
    "{",
    ".",
    "-1",
    "1e400",
    "nan",
    "true",
    "\u202e",
    "[[x]]\n",
    "x.y = 1\n",
)


def broken_text(seed: int) -> str:
    """The example with a few pieces taken out, doubled or replaced."""
    dice, text = random.Random(seed), EXAMPLE  # noqa: S311 - no secret
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(text))
        to = min(len(text), at + dice.choice((1, 1, 2, 8, 40)))
        text = text[:at] + dice.choice((text[at:to] * 2, *OTHERS)) + text[to:]
    return text


@fuzzed
@given(st.one_of(st.integers(0, 2**32).map(broken_text), st.text(string.printable)))
def test_a_configuration_is_settings_or_sentences(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    file.chmod(0o600)
    try:
        found = configuration.load(file, {}, docker_secrets=tmp_path / "none")
    except SettingsError as why:
        assert str(why)
        assert "Traceback" not in str(why)
        return
    assert isinstance(found, Settings)


pieces = st.sampled_from(
    (
        "{{", "}}", "{%", "%}", "{#", "#}", " ", "handle", "bio", "raw", "follower_count", "first_name", "|", "upper", "default", "(", ")", "'",
        "'x'", "[", "]", "0", "1", ".", "..", "~", "+", "and", "or", "not", "if", "else", "is", "none", "__class__", ".format", ",", "{", "}", "==", ">",
    )
)  # fmt: skip


@fuzzed
@given(st.lists(pieces, max_size=12).map("".join))
def test_a_field_is_compiled_or_a_mistake_and_evaluated_or_a_rejection(text: str) -> None:
    values = variables(samples.lead(samples.raw_lead(1)))
    try:
        FieldMap.compile("x", {"a": Field(value=text)}).evaluate(values)
    except MappingError as why:
        assert str(why)
    except Failure as why:
        assert why.code == "mapping_failed"
    try:
        Filter.compile("x", text).accepts(values)
    except MappingError as why:
        assert str(why)
    except Failure as why:
        assert why.code == "filter_failed"


paths = st.from_regex(r"(/[A-Za-z0-9._%-]{0,9}){1,5}(\?[ -~]{0,20})?", fullmatch=True)


@fuzzed
@given(st.one_of(st.text(), paths))
def test_a_path_leads_below_the_address_or_is_refused(path: str) -> None:
    try:
        bare = checked_path(path)
    except DraftError:
        return
    assert bare.startswith("/")
    assert not {"..", ".", ""} & set(bare.rstrip("/").split("/")[1:])
    assert "%" not in bare


def test_figures() -> None:
    record("hostile", {"fuzz_examples": 8 * TRIES})
