"""The contract can fail: each deliberately broken connector is caught by the claim that is about its fault."""

import inspect

import pytest

from syncd.testing import Bench, ConnectorContract, MemoryConnector, MemoryRemote
from tests.connectors.columned import ColumnedConnector, ColumnedRemote
from tests.connectors.kit import broken_manners, broken_sending, broken_telling
from tests.connectors.telling import WATCHED, TellingConnector, TellingRemote

CLAIMS = {name.removeprefix("test_") for name in dir(ConnectorContract) if name.startswith("test_")}

FAULTS: tuple[tuple[type[MemoryConnector], str], ...] = (
    (broken_sending.Sorted, "each_outcome_stands_in_its_deliverys_place"),
    (broken_sending.OneId, "each_outcome_stands_in_its_deliverys_place"),
    (broken_sending.TooMuch, "a_full_batch_is_delivered"),
    (broken_sending.Inserts, "sending_again_creates_nothing_new"),
    (broken_sending.AlwaysNew, "sending_again_creates_nothing_new"),
    (broken_sending.Remembers, "a_new_instance_knows_what_is_there"),
    (broken_sending.Believes, "what_may_have_been_sent_but_was_not_is_sent"),
    (broken_sending.ByLead, "one_person_or_one_lead_is_one_object"),
    (broken_sending.Overwrites, "policies_are_kept"),
    (broken_sending.Untouched, "policies_are_kept"),
    (broken_sending.Blanks, "a_blank_overwrites_nothing"),
    (broken_sending.Latin, "hostile_texts_are_delivered"),
    (broken_sending.RefusesControls, "texts_that_no_remote_can_hold_harm_nobody_else"),
    (broken_sending.NeedsHandle, "leads_of_whom_nothing_is_known_harm_nobody_else"),
    (broken_sending.NeverLooks, "a_lost_answer_makes_no_duplicate"),
    (broken_manners.Optimist, "a_lost_answer_makes_no_duplicate"),
    (broken_sending.Remembers, "a_restart_after_a_lost_answer_makes_no_duplicate"),
    (broken_manners.Optimist, "a_bare_server_error_is_not_a_delivery_and_costs_nobody"),
    (broken_manners.HaltsAtErrors, "a_bare_server_error_is_not_a_delivery_and_costs_nobody"),
    (broken_manners.ExplainsErrors, "a_bare_server_error_is_not_a_delivery_and_costs_nobody"),
    (broken_manners.IgnoresAfter, "too_many_requests_pauses_as_long_as_it_was_asked_to"),
    (broken_manners.MillisecondsAfter, "too_many_requests_pauses_as_long_as_it_was_asked_to"),
    (broken_manners.HaltsWhenBusy, "too_many_requests_pauses_as_long_as_it_was_asked_to"),
    (broken_sending.BlamesAll, "a_poisoned_lead_is_rejected_alone"),
    (broken_sending.Forgetful, "a_poisoned_lead_is_rejected_alone"),
    (broken_sending.RaisesReject, "a_poisoned_lead_is_rejected_alone"),
    (broken_sending.RefusesUnnamed, "a_poisoned_lead_is_rejected_alone"),
    (broken_manners.WaitsForATokenToReturn, "revoked_credentials_halt_the_lane_and_lose_nothing"),
    (broken_manners.UnknownCode, "revoked_credentials_halt_the_lane_and_lose_nothing"),
    (broken_sending.LosesOutcomes, "a_failure_in_mid_batch_loses_no_outcome"),
    (broken_sending.MakesUpOutcomes, "a_failure_in_mid_batch_loses_no_outcome"),
    (broken_sending.LosesOutcomes, "credentials_revoked_in_mid_batch_lose_no_outcome"),
    (broken_sending.MakesUpOutcomes, "credentials_revoked_in_mid_batch_lose_no_outcome"),
    (broken_manners.AllIsWell, "check_finds_revoked_credentials"),
    (broken_manners.Braceless, "the_class_is_complete"),
    (broken_manners.SaysTheCores, "every_code_has_a_fix_and_none_is_the_cores"),
    (broken_manners.TriesOut, "check_reports_and_changes_nothing"),
    (broken_manners.PlanThatActs, "setup_without_apply_changes_nothing"),
    (broken_manners.MakesAgain, "setup_a_second_time_changes_nothing"),
    (broken_manners.MakesNothing, "setup_a_second_time_changes_nothing"),
    (broken_manners.ShowsMore, "what_people_are_shown_is_known_without_the_remote"),
    (broken_manners.LinksByLooking, "what_people_are_shown_is_known_without_the_remote"),
    (broken_manners.Looks, "route_is_pure"),
    (broken_manners.Wanders, "route_is_pure"),
    (broken_sending.ByLead, "route_is_pure"),
    (broken_manners.ClosesOnce, "closing_twice_is_harmless"),
    (broken_manners.Leaks, "nothing_private_is_said_aloud"),
    (broken_sending.BlameTheName, "nothing_private_is_said_aloud"),
    (broken_manners.Talks, "nothing_private_is_said_aloud"),
    (broken_manners.Shows, "nothing_private_is_said_aloud"),
    (broken_telling.TellsNothing, "whom_somebody_marked_is_told"),
    (broken_telling.TellsLabels, "whom_somebody_marked_is_told"),
    (broken_telling.Milliseconds, "whom_somebody_marked_is_told"),
    (broken_telling.StandsStill, "whom_somebody_marked_is_told"),
    (broken_telling.NoOverlap, "a_change_that_shows_late_is_told"),
    (broken_telling.OnceEach, "what_changes_again_is_told_again"),
    (broken_telling.Remembers, "a_page_may_be_asked_for_again"),
    (broken_telling.OnceEach, "a_page_may_be_asked_for_again"),
    (broken_telling.Tidies, "listening_changes_nothing"),
    (broken_telling.TrustsCursors, "listening_changes_nothing"),
    (broken_telling.Swallows, "trouble_while_listening_loses_nothing"),
    (broken_telling.HaltsAtErrors, "trouble_while_listening_loses_nothing"),
    (broken_telling.WaitsForATokenToReturn, "trouble_while_listening_loses_nothing"),
    (broken_telling.NamesTheLast, "a_cursor_holds_nothing_private"),
)
"""What is wrong, and the claim (without `test_`) that must fail for it."""


def bench_of(connector: type[MemoryConnector], claim: str) -> Bench:
    if issubclass(connector, TellingConnector):
        telling = TellingRemote()
        options = {"remote": telling, "token": telling.token}
        return Bench.open(connector, options, telling, clock=telling.clock, watched=WATCHED)
    columned = issubclass(connector, ColumnedConnector)
    bare = "bare" in inspect.signature(getattr(ConnectorContract, f"test_{claim}")).parameters
    far = (
        ColumnedRemote(() if bare else tuple(connector.defaults))
        if columned
        else MemoryRemote("memory-s3cret")
    )
    return Bench.open(connector, {"remote": far, "token": "memory-s3cret"}, far)


def fails(connector: type[MemoryConnector], claim: str) -> bool:
    try:
        getattr(ConnectorContract(), f"test_{claim}")(bench_of(connector, claim))
    except (AssertionError, ValueError, AttributeError):
        return True
    except pytest.skip.Exception as skipped:
        pytest.fail(f"the claim was skipped: {skipped}")
    return False


@pytest.mark.parametrize(("connector", "claim"), FAULTS, ids=lambda each: getattr(each, "__name__", each))
def test_a_broken_connector_is_caught(connector: type[MemoryConnector], claim: str) -> None:
    kinds = (ColumnedConnector, TellingConnector, MemoryConnector)
    sound = next(kind for kind in kinds if issubclass(connector, kind))
    assert not fails(sound, claim), "the claim fails for a sound connector as well"
    assert fails(connector, claim), "the fault went unnoticed"


@pytest.mark.parametrize(
    "claim", ["a_failure_in_mid_batch_loses_no_outcome", "credentials_revoked_in_mid_batch_lose_no_outcome"]
)
def test_a_connector_that_yields_as_it_goes_loses_nothing(claim: str) -> None:
    assert not fails(broken_sending.OneByOne, claim)


def test_every_claim_is_seen_to_fail() -> None:
    assert {claim for _, claim in FAULTS} == CLAIMS


def test_a_claim_says_what_the_contract_wants() -> None:
    bench = bench_of(
        next(c for c, _ in FAULTS if c.__name__ == "Inserts"), "sending_again_creates_nothing_new"
    )
    with pytest.raises(AssertionError, match="must hold 6 new objects, not 12: a duplicate"):
        ConnectorContract().test_sending_again_creates_nothing_new(bench)
