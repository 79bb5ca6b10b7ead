"""`streams` and `segments`: what there is, and creating more of it, with what will be billed said first."""

import io
import json
import re
import sys
from pathlib import Path

import pytest

from syncd.ctgo.campaigns.drafts import NewStream
from tests.cli.conftest import Home, MakeHome, Ran, order, requests_of, told
from tests.cli.operate.test_cli_rejected import Keyboard

EXAMPLE = Path(__file__).parents[3] / "deploy" / "examples" / "campaign.toml"
FILED = """
name = "Founders"
[[pairs]]
account_id = 3
segment_id = 6
"""
HOSTILE = "\x1b[2J[red]Founders[/red]\u202e"


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """Three campaigns, no leads, and no connector."""
    home = make_home(leads=0)
    home.connectors.clear()
    home.configure()
    return home


def create(home: Home, text: str, *options: str) -> Ran:
    file = home.folder / "campaign.toml"
    file.write_text(text)
    return home.syncd("streams", "create", str(file), *options)


def handled(handle: str = "ada_compiles", tier: str = "starter") -> str:
    return f'[[pairs]]\naccount_handle = "{handle}"\naccount_tier = "{tier}"\nsegment_id = 6\n'


# looking


@pytest.mark.parametrize("words", [("streams",), ("streams", "list")])
def test_the_list_shows_each_campaign_with_its_accounts(home: Home, words: tuple[str, ...]) -> None:
    ran = home.syncd(*words)
    assert ran.code == 0
    (row,) = [line for line in ran.out.splitlines() if "Indie founders" in line]
    assert row.split() == [
        "14",
        "Indie",
        "founders",
        "active",
        "2",
        "@northwindlabs,",
        "@tailspin_dev",
        "07:15",
    ]


@pytest.mark.parametrize("envelope", ["named", "bare"])
def test_for_a_script_a_campaign_is_as_ctgo_tells_it(make_home: MakeHome, envelope: str) -> None:
    home = make_home(stream_envelope=envelope)
    listed = told(home, "streams")
    assert [campaign["id"] for campaign in listed] == [14, 15, 16]
    shown = told(home, "streams", "show", "14")
    assert shown["pairs"][0] == {
        "pairId": 71,
        "accountId": 3,
        "accountHandle": "northwindlabs",
        "segmentId": 6,
    }
    assert shown["deliveryDestination"] == "leads_only"


def test_one_campaign_is_shown_with_its_pairs(home: Home) -> None:
    ran = home.syncd("streams", "show", "14")
    assert ran.code == 0
    assert re.search(r"^name +Indie founders$", ran.out, re.MULTILINE)
    assert re.search(r"^syncs at +07:15 UTC$", ran.out, re.MULTILINE)
    assert re.search(r"^ +3 +@northwindlabs +6$", ran.out, re.MULTILINE)


def test_what_ctgo_calls_things_is_shown_without_markup_or_control_characters(home: Home) -> None:
    create(home, f"name = {json.dumps(HOSTILE)}\n{FILED.partition('name')[2].partition(chr(10))[2]}")
    for words in (("streams",), ("streams", "show", "17")):
        out = home.syncd(*words).out
        assert "\\x1b[2J[red]Founders[/red]\\u202e" in out
        assert "\x1b" not in out


def test_a_list_of_nothing_says_how_to_begin(home: Home) -> None:
    order(home, "fail", route="streams", status=200, body={"streams": []})
    order(home, "fail", route="segments", status=200, body={"segments": []})
    assert "syncd streams create FILE.toml" in home.syncd("streams").out
    assert "syncd segments create FILE.toml" in home.syncd("segments").out


def test_options_before_the_word_are_not_lost_silently(home: Home) -> None:
    ran = home.syncd("streams", "--json", "show", "14")
    assert (ran.code, ran.out) == (64, "")
    assert "--json: belongs after show" in ran.err


# creating


def test_a_campaign_of_what_there_is_bills_nothing_and_asks_nothing(home: Home) -> None:
    ran = create(home, FILED)
    assert (ran.code, ran.err) == (0, "")
    assert "Created campaign 17." in ran.out
    assert "syncd streams run 17 --wait" in ran.out
    assert told(home, "streams", "show", "17")["name"] == "Founders"


def test_names_of_fields_may_be_the_vendors(home: Home) -> None:
    text = FILED.replace("account_id", "accountId").replace("segment_id", "segmentId")
    assert create(home, text).code == 0


def test_nothing_is_billed_where_nobody_can_be_asked(home: Home) -> None:
    ran = create(home, handled())
    assert ran.code == 64
    assert "@ada_compiles is not tracked yet: it is billed from now on as a starter account." in ran.err
    assert "add --yes" in ran.err
    assert requests_of(home) == ["GET /accounts"]


def test_yes_says_what_is_billed_and_does_it(home: Home) -> None:
    ran = create(home, handled(), "--yes")
    assert ran.code == 0
    assert "it is billed from now on as a starter account" in ran.err
    assert "@ada_compiles (account 13): tracked from now on, and billed" in ran.out
    assert requests_of(home) == ["GET /accounts", "GET /streams", "POST /streams"]


@pytest.mark.parametrize(("answer", "made"), [("y\n", True), ("n\n", False), ("", False)])
def test_somebody_at_a_terminal_is_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch, answer: str, *, made: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard(answer))
    ran = create(home, handled())
    assert ran.code == 0
    assert "Create the campaign? [y/N]" in ran.err
    assert ("Created campaign 17." in ran.out, "Nothing was created." in ran.out) == (made, not made)
    assert ("POST /streams" in requests_of(home)) == made


def test_an_account_that_is_tracked_already_is_billed_no_more_and_needs_no_yes(home: Home) -> None:
    again = handled("northwindlabs", "growth").replace("segment_id = 6", "segment_id = 9")
    ran = create(home, handled("NorthwindLabs", "growth") + again)
    assert ran.code == 0
    assert ran.err.count("tracked already: nothing more is billed") == 1
    assert "@northwindlabs (account 3): was tracked already" in ran.out


def test_a_tracked_account_that_may_cost_more_is_asked_about(home: Home) -> None:
    order(home, "sleep", accountId=11)
    for text, why in [
        (handled("northwindlabs", "pro"), "as growth: CTGO does not document if pro changes its tier"),
        (handled("tailspin_dev"), "sleeps: it may be woken, and billed again as a starter account"),
    ]:
        ran = create(home, text)
        assert (ran.code, why in ran.err) == (64, True), ran.err


def test_an_account_without_a_tier_is_said_to_be_billed_by_ctgos_choice(home: Home) -> None:
    ran = create(home, handled().replace('account_tier = "starter"\n', ""))
    assert "with the tier that CTGO chooses: the file has no account_tier" in ran.err


def test_for_a_script_the_answer_is_ctgos(home: Home) -> None:
    ran = create(home, handled(), "--yes", "--json")
    made = json.loads(ran.out)
    assert made["accounts"][0]["billingDelta"] == "stripe_quantity_incremented"


def test_a_campaign_may_come_through_a_pipe(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FILED.encode())))
    assert home.syncd("streams", "create", "-").code == 0


def test_a_lost_answer_is_looked_for_and_nothing_is_made_twice(home: Home) -> None:
    order(home, "fail", route="create_stream", status=502, after_applying=True, body="")
    ran = create(home, handled(), "--yes")
    assert ran.code == 0
    assert "CTGO's answer was lost; the campaign is on its list." in ran.out
    assert requests_of(home).count("POST /streams") == 1
    assert len(told(home, "streams")) == 4


# what is wrong with it


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("name = ", "campaign.toml: is not TOML: Invalid value (at end of document)"),
        ("x = " + "[" * 5000, "campaign.toml: is not TOML: it is nested too deep"),
        ("", "campaign.toml: pairs: is missing"),
        ("pears = 1", "campaign.toml: pears: unknown key, did you mean pairs?"),
        (FILED + "segment = 1", "campaign.toml: pairs[0].segment: must be a table"),
        (
            FILED.replace("account_id = 3", ""),
            "pairs[0]: name the account by either accountId or accountHandle",
        ),
        (handled("two words"), "pairs[0].account_handle: must be a handle on X"),
        (handled(tier="gold"), "pairs[0].account_tier: must be 'starter', 'growth' or 'pro'"),
        (f'timezone = "Mars/Olympus"\n{FILED}', "timezone: is no time zone's name, such as Europe/Paris"),
        (f'sync_times = ["7:10"]\n{FILED}', "sync_times[0]: must be a quarter of an hour"),
    ],
)
def test_a_mistake_in_the_file_is_a_sentence_and_nothing_is_asked(
    home: Home, text: str, mistake: str
) -> None:
    ran = create(home, text, "--yes")
    assert (ran.code, ran.out) == (64, "")
    assert mistake in ran.err
    assert len(ran.err.splitlines()) <= 2
    assert requests_of(home) == []
    assert not home.ledger.exists()


def test_every_mistake_is_told_at_once_and_no_value_is_repeated(home: Home) -> None:
    ran = create(home, 'webhook_url = "hush"\ntimezone = 7')
    assert len(ran.err.splitlines()) == 3
    assert "hush" not in ran.err


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * (1024 * 1024 + 1)])
def test_a_file_that_cannot_be_read_says_why(home: Home, content: bytes | None) -> None:
    file = home.folder / "odd\x1b.toml"
    if content is not None:
        file.write_bytes(content)
    ran = home.syncd("streams", "create", str(file))
    assert ran.code == 64
    assert "odd\\x1b.toml: " in ran.err
    assert any(why in ran.err for why in ("No such file", "is not UTF-8 text", "is larger than"))


REFUSED = [
    ("nobody_here", "handle_not_found", 2, "Check how the handle is spelled on X."),
    ("locked_larry", "handle_protected", 2, "Choose a public account"),
]


@pytest.mark.parametrize(("handle", "code", "exits", "fix"), REFUSED)
def test_a_handle_that_cannot_be_tracked_is_refused_with_a_fix(
    *, home: Home, handle: str, code: str, exits: int, fix: str
) -> None:
    ran = create(home, handled(handle), "--yes")
    assert ran.code == exits
    assert f"({code})" in ran.err
    assert fix in ran.err


def test_a_lookup_that_fails_is_worth_another_try(home: Home) -> None:
    order(home, "lookups", failures=1)
    ran = create(home, handled(), "--yes")
    assert ran.code == 75
    assert "(handle_lookup_failed)" in ran.err
    assert "Looked at afterwards, it has not been done." in ran.err
    assert "ask again in a few minutes" in ran.err
    assert create(home, handled(), "--yes").code == 0


@pytest.mark.parametrize(
    ("status", "code", "exits"),
    [("past_due", "subscription_required", 77), ("free_user", "free_account_limit", 2)],
)
def test_what_the_plan_does_not_allow_is_said(home: Home, status: str, code: str, exits: int) -> None:
    order(home, "subscription", status=status)
    ran = create(home, handled(), "--yes")
    assert (ran.code, f"({code})" in ran.err) == (exits, True), ran.err


def test_a_tier_that_allows_no_further_campaign_is_said(home: Home) -> None:
    text = FILED.replace("account_id = 3", "account_id = 11")
    codes = [create(home, text).code for _ in range(3)]
    assert codes == [0, 0, 2]
    assert "(stream_cap_exceeded)" in create(home, text).err


def test_a_payment_that_fails_is_told_in_stripes_own_words(home: Home) -> None:
    order(home, "stripe", message="Your card has insufficient funds.", times=1)
    ran = create(home, handled(), "--yes")
    assert ran.code == 2
    assert "Your card has insufficient funds." in ran.err
    assert "(payment_failed)" in ran.err


def test_labels_that_ctgo_does_not_know_are_named(home: Home) -> None:
    text = '[[pairs]]\naccount_id = 3\n[pairs.segment]\ndescription = "x"\n[pairs.segment.applied_search_filters]\nskill = ["Pyhton"]'
    ran = create(home, text)
    assert ran.code == 2
    assert "Pyhton" in ran.err
    assert "(orphan_label)" in ran.err


# archive and restore


def test_archiving_and_restoring_say_how_to_take_it_back(home: Home) -> None:
    ran = home.syncd("streams", "archive", "14")
    assert (ran.code, "syncd streams restore 14" in ran.out) == (0, True)
    assert told(home, "streams", "show", "14")["isArchived"] is True
    assert "archived" in home.syncd("streams", "show", "14").out
    assert home.syncd("streams", "restore", "14").code == 0
    assert told(home, "streams", "show", "14")["isActive"] is True
    assert told(home, "streams", "archive", "15") == {"archived": True}
    assert told(home, "streams", "restore", "15") == {"id": 15}


@pytest.mark.parametrize("words", ["show", "archive", "restore", "run", "retest"])
def test_a_campaign_that_is_not_ours_is_not_found(home: Home, words: str) -> None:
    ran = home.syncd("streams", words, "999")
    assert (ran.code, "(not_found)" in ran.err) == (2, True)


@pytest.mark.parametrize("number", ["0", "-1", "x", "9223372036854775808"])
def test_what_is_no_id_is_a_usage_error(home: Home, number: str) -> None:
    ran = home.syncd("streams", "show", "--", number)
    assert ran.code == 64
    assert requests_of(home) == []


# segments


def test_segments_are_listed_and_shown(home: Home) -> None:
    out = home.syncd("segments").out
    assert "Indie founders selling to developers" in out
    shown = home.syncd("segments", "show", "6").out
    assert re.search(r"^job_role +Founder$", shown, re.MULTILINE)
    assert told(home, "segments", "show", "6")["userFacingId"] == "seg_6"
    everything = told(home, "segments", "list", "--archived")
    (archived,) = {it["id"] for it in everything} - {it["id"] for it in told(home, "segments")}
    assert home.syncd("segments", "show", str(archived)).code == 0


def test_a_segment_that_is_on_no_list_says_where_to_look(home: Home) -> None:
    ran = home.syncd("segments", "show", "999")
    assert ran.code == 2
    assert "CTGO lists no segment 999. (not_found)" in ran.err
    assert "syncd segments list --archived" in ran.err


def test_a_segment_is_made_of_a_file(home: Home) -> None:
    file = home.folder / "segment.toml"
    file.write_text('description = "Data people"\n[applied_search_filters]\nskill = ["SQL"]')
    ran = home.syncd("segments", "create", str(file))
    assert (ran.code, ran.out) == (0, "Created segment 14.\n")
    assert told(home, "segments", "create", str(file)) == {"id": 15, "userFacingId": "seg_15"}


def test_a_segment_with_mistakes_or_unknown_labels_is_not_made(home: Home) -> None:
    file = home.folder / "segment.toml"
    file.write_text("descripton = 'x'")
    ran = home.syncd("segments", "create", str(file))
    assert (ran.code, "did you mean description?" in ran.err) == (64, True)
    file.write_text('description = "x"\n[applied_search_filters]\nskill = ["Pyhton", "SLQ"]')
    ran = home.syncd("segments", "create", str(file))
    assert (ran.code, "Pyhton, SLQ" in ran.err, "(orphan_label)" in ran.err) == (2, True, True)


# the example that is shipped


def test_the_example_is_a_campaign_that_ctgo_takes(home: Home) -> None:
    ran = home.syncd("streams", "create", str(EXAMPLE), "--yes")
    assert ran.code == 0
    assert "@ada_compiles is not tracked yet" in ran.err
    shown = told(home, "streams", "show", "17")
    assert (shown["name"], len(shown["pairs"])) == ("Founders near Northwind", 1)


def test_the_example_is_right_with_everything_that_it_only_mentions(home: Home) -> None:
    whole = re.sub(r"^#(?=[a-z_\[])", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert len(whole.splitlines()) == len(EXAMPLE.read_text().splitlines())
    ran = create(home, whole, "--yes")
    assert ran.code == 0, ran.err
    assert len(told(home, "streams", "show", "17")["pairs"]) == 2


def test_the_example_names_every_setting_of_a_campaign() -> None:
    text = EXAMPLE.read_text()
    for name in NewStream.model_fields:
        assert re.search(rf"^#?(\[\[)?{name}\b", text, re.MULTILINE), name
