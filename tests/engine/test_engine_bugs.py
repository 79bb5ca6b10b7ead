"""A bug is logged with its traceback, and without the people it happened to."""

from collections.abc import Sequence

from syncd.core.delivery import Delivery, Outcome
from syncd.log import PERSONAL, opened, traceback_without
from tests.support import Bench, Remote

PROFILE = {
    "xUserId": "990011223344",
    "handle": "zq_canary",
    "displayName": "Zephyrina Ω'Quill",
    "bio": "Tames quills\nin Ypsilanti",
}


def quotes_everything(_: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
    raise RuntimeError(f"cannot write {dict(batch[0].fields)!r} of {dict(batch[0].lead.raw)!a}")


def test_a_connector_that_quotes_a_lead_in_its_error_puts_no_personal_data_into_the_log(bench: Bench) -> None:
    world = bench.ctgo(leads=0)
    world.amend_lead(world.add_leads(1)[0], {"profile": PROFILE})
    bench.place(fields={"name": "{{ display_name }}", "greeting": "Hello {{ handle }} of the far hills"})
    bench.places["crm"].far.script.append(quotes_everything)
    bench.once()
    [event] = bench.log.named("connector_failed")
    text = str(event["exception"])
    assert "RuntimeError: cannot write" in text
    assert "quotes_everything" in text, "the frames stay"
    for value in PROFILE.values():
        assert value not in text
        assert value not in repr(bench.log.events)
    assert "far hills" not in text
    assert PERSONAL in text
    assert bench.leads() == {"exported": 1}


def test_words_of_others_stay_as_they_are() -> None:
    bug = ValueError("jacket of jack, JACK and j")
    assert (
        traceback_without(bug, [{"handle": "jack", "name": "j"}])
        == f"ValueError: jacket of {PERSONAL}, {PERSONAL} and j"
    )


def test_what_is_stored_and_is_no_document_is_looked_for_as_it_is() -> None:
    assert opened('{"a": 1}') == {"a": 1}
    assert opened("{torn") == "{torn"
    assert opened(None) is None
