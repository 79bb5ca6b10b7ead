"""Claims about sending: everything arrives, once, in its place, whatever its text."""

from collections.abc import Mapping
from typing import Any

import pytest

from syncd.connector import Delivery, Field, Halt
from syncd.testing import samples
from syncd.testing.base import ContractPart, again, deliver_all, demand, demand_delivered, demand_growth, few
from syncd.testing.bench import Bench
from syncd.testing.lane_harness import LaneHarness

_NOBODY: dict[str, Any] = dict.fromkeys(
    ("x_user_id", "handle", "display_name", "bio", "follower_count", "image_url", "stream_id", "segment_id")
)
_BLANK = (None, "")


def _remote_ids(harness: LaneHarness, deliveries: list[Delivery]) -> list[str | None]:
    return [harness.settled[one.id].remote_id for one in deliveries]


def _new_object(bench: Bench, before: list[Mapping[str, object]]) -> Mapping[str, object]:
    found = [each for each in bench.remote.objects() if each not in before]
    demand(len(found) == 1, f"one person must be one object at the remote, and there are {len(found)}")
    return dict(found[0])


class SendingClaims(ContractPart):
    """The claims about sending."""

    def test_each_outcome_stands_in_its_deliverys_place(self, bench: Bench) -> None:
        """`deliver` answers in the order of the batch, not in the order of the remote's answer."""
        batch = few(bench)
        first = deliver_all(bench, batch, "In a plain batch")
        ids = _remote_ids(first, batch)
        known = [remote for remote in ids if remote is not None]
        demand(
            len(set(known)) == len(known),
            "two persons got one remote id: each outcome must carry its own object's",
        )
        turned = again(bench, batch[::-1])
        second = deliver_all(bench, turned, "When a batch is sent again in another order")
        demand(
            _remote_ids(second, batch) == ids,
            "sent again in another order, some deliveries got another's remote id: outcomes must be in the batch's order",
        )

    def test_a_full_batch_is_delivered(self, bench: Bench) -> None:
        """As many as `batch_size` allows go through in one call."""
        before, size = bench.seen(), bench.connector.batch_size
        batch = bench.deliveries(size)
        harness = deliver_all(bench, batch, f"In a full batch of {size}")
        demand(
            not any(isinstance(call.answer, Halt) for call in harness.calls),
            f"a full batch of {size} halted the lane, though its members went through one by one",
        )
        demand_growth(bench, before, size, f"After a full batch of {size}")

    def test_sending_again_creates_nothing_new(self, bench: Bench) -> None:
        """Upsert by a stable key; or look first, where a delivery comes with `maybe_sent`."""
        before, batch = bench.seen(), few(bench)
        first = deliver_all(bench, batch, "In a plain batch")
        second = deliver_all(bench, again(bench, batch), "When a batch is sent again")
        demand_growth(bench, before, len(batch), "After sending a batch twice")
        if self.able("tell_created"):
            made = [[run.settled[one.id].created for one in batch] for run in (first, second)]
            demand(all(made[0]), "`created` must be true for what was not there before")
            demand(not any(made[1]), "`created` must be false for what was there already")

    def test_a_new_instance_knows_what_is_there(self, bench: Bench) -> None:
        """A connector keeps no state that matters: after a restart, sending again is as safe."""
        before, batch = bench.seen(), few(bench)
        deliver_all(bench, batch, "In a plain batch")
        bench.restart()
        deliver_all(bench, again(bench, batch), "When a new instance sends again")
        demand_growth(bench, before, len(batch), "After a restart and the same batch again")

    def test_what_may_have_been_sent_but_was_not_is_sent(self, bench: Bench) -> None:
        """`maybe_sent` means: look, and write what is not there."""
        before = bench.seen()
        batch = [bench.delivery(one.id, maybe_sent=True) for one in few(bench)]
        deliver_all(bench, batch, "Marked as maybe sent, though they were not")
        demand_growth(
            bench, before, len(batch), "After deliveries that were marked as maybe sent, but never were"
        )

    def test_one_person_or_one_lead_is_one_object(self, bench: Bench) -> None:
        """Later leads of a person meet the same object if `objects` is "people"; else each lead has its own."""
        before = bench.seen()
        person: dict[str, Any] = {"x_user_id": samples.person_id(1)}
        leads = [bench.delivery(n, discovered_at=f"2026-06-1{n}T08:00:00Z", **person) for n in (1, 2, 3)]
        harness = LaneHarness(bench)
        for lead in leads:  # across batches
            harness.take(lead).settle()
        demand_delivered(harness, leads, "When one person has three leads")
        together = again(bench, leads)
        deliver_all(bench, together, "When leads of one person are due together")
        people = bench.connector.objects == "people"
        demand_growth(
            bench,
            before,
            1 if people else len(leads),
            "After three leads of one person, each of them sent twice",
        )

    def test_policies_are_kept(self, bench: Bench) -> None:
        """`create_only` and `if_empty` leave alone what is there; `always` writes the newest lead's value."""
        if bench.connector.objects != "people":
            pytest.skip("its objects are leads: none is written twice")
        before = list(bench.remote.objects())
        older = bench.delivery(1)
        newer = bench.delivery(
            2,
            x_user_id=older.person,
            display_name="Somebody Else",
            bio="Another bio",
            discovered_at="2026-06-12T08:00:00Z",
            stream_id=8,
        )
        harness = LaneHarness(bench, older).settle()
        then = _new_object(bench, before)
        harness.take(newer).settle()
        demand_delivered(harness, [older, newer], "When a person has a second lead")
        now = _new_object(bench, before)
        _compare(bench.table, older, newer, then, now)

    def test_a_blank_overwrites_nothing(self, bench: Bench) -> None:
        """A field that is not in `fields` is not written: what stands there may be a salesperson's."""
        if bench.connector.objects != "people":
            pytest.skip("its objects are leads: none is written twice")
        before = list(bench.remote.objects())
        full = bench.delivery(3)
        nobody = {**_NOBODY, "x_user_id": full.person, "discovered_at": "2026-06-12T08:00:00Z"}
        blank = bench.delivery(4, emailed=False, **nobody)
        harness = LaneHarness(bench, full).settle()
        then = _new_object(bench, before)
        harness.take(blank).settle()
        demand_delivered(harness, [full], "In a plain batch")
        now = _new_object(bench, before)
        lost = [name for name, value in then.items() if value not in _BLANK and now.get(name) in _BLANK]
        demand(
            not lost,
            f"a lead without these fields blanked them at the remote: {lost}. Write only what is in `fields`",
        )

    def test_hostile_texts_are_delivered(self, bench: Bench) -> None:
        """People choose their names: formulas, quotes, markup, emoji and 300 characters arrive, cut if they must be."""
        before = bench.seen()
        batch = [
            bench.delivery(n, display_name=text, bio=f"{text} {text}")
            for n, text in enumerate(samples.HOSTILE.values(), start=1)
        ]
        deliver_all(bench, batch, f"With hostile names ({', '.join(samples.HOSTILE)})")
        demand_growth(bench, before, len(batch), "After deliveries with hostile names")

    def test_texts_that_no_remote_can_hold_harm_nobody_else(self, bench: Bench) -> None:
        """NUL and lone surrogates come from a mapping only: deliver them cleaned, or reject them in their place."""
        batch = [bench.delivery(1)]
        for n, text in enumerate(samples.IMPOSSIBLE.values(), start=2):
            batch.append(
                bench.delivery(n, display_name="Marker Marker", bio="A Marker", in_place_of={"Marker": text})
            )
        batch.append(bench.delivery(len(batch) + 1))
        harness = LaneHarness(bench, *batch).settle()
        demand(
            not harness.pending,
            f"a text with NUL or a lone surrogate stopped the lane: {harness.lane.detail}",
        )
        demand_delivered(harness, [batch[0], batch[-1]], "Beside texts that no remote can hold")

    def test_leads_of_whom_nothing_is_known_harm_nobody_else(self, bench: Bench) -> None:
        """Every field but `id` and `discovered_at` may be missing: deliver what there is, or reject it in its place."""
        batch = [
            bench.delivery(1),
            bench.delivery(2, emailed=False, **_NOBODY),
            bench.delivery(3, emailed=False, display_name="", bio=" ", handle=""),
            bench.delivery(4, emailed=False),
            bench.delivery(5),
        ]
        harness = LaneHarness(bench, *batch).settle()
        demand(
            not harness.pending, f"a lead of whom nothing is known stopped the lane: {harness.lane.detail}"
        )
        demand_delivered(harness, [batch[0]], "Beside a lead of whom nothing is known")


def _compare(
    table: Mapping[str, Field],
    older: Delivery,
    newer: Delivery,
    then: Mapping[str, object],
    now: Mapping[str, object],
) -> None:
    """Hold an object, before and after a second lead of its person, against the policies."""
    shown = [name for name in table if name in then]
    if not shown:
        pytest.skip("the remote shows no field under the name that the mapping gives it")
    for name in shown:
        policy = table[name].policy
        if policy != "always":
            filled = then[name] not in _BLANK or policy == "create_only"
            demand(
                not filled or now.get(name) == then[name],
                f"{name} is {policy}, and a later lead overwrote it",
            )
        elif name in newer.fields and older.fields.get(name) != newer.fields[name]:
            demand(
                now.get(name) != then[name],
                f"{name} is `always`, and a later lead of the person did not change it",
            )
