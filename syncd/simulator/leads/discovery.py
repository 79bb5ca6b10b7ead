"""The discovery of leads: campaign, person, and the traits that the options ask for."""

from collections.abc import Sequence
from datetime import UTC, datetime

from syncd.simulator.campaigns.models import Pair
from syncd.simulator.instants import floored
from syncd.simulator.leads.bad_data import FLAWS, hostile
from syncd.simulator.leads.people import Person, draw, person
from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options

FIRST_ID = 90_211
FIRST_OWN_ID = 50_000_000  # ids of second rows, if each row has an id of its own
FUTURE = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
HIGH_SHARE = 0.7


class Discovery:
    """A source of leads by number. The seed and the number alone determine a lead."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def find(
        self,
        number: int,
        pairs: Sequence[Pair],
        discovered: float,
        listed_from: float | None = None,
    ) -> list[Row]:
        """Return the row of lead `number`, or its two rows if it is a repeat.

        Args:
            number: Number of the lead, from 0.
            pairs: The possible pairs, at least one.
            discovered: Epoch seconds.
            listed_from: Epoch seconds; by default `discovered`, or later for a late lead.
        """
        options = self._options
        chance = draw(options.seed, "lead", number)
        pair = chance.choice(pairs)
        somebody = person(options.seed, number, pair.theme, options.contact_rate)
        found = [self._row(2 * number, pair, somebody, discovered, listed_from)]
        others = [other for other in pairs if other is not pair]
        if self._has(number, "repeated", options.repeats) and others:
            found.append(self._row(2 * number + 1, chance.choice(others), somebody, discovered, listed_from))
        return found

    def _row(
        self, sequence: int, pair: Pair, somebody: Person, discovered: float, listed_from: float | None
    ) -> Row:
        options = self._options
        number, repeat = divmod(sequence, 2)
        chance = draw(options.seed, "row", number, repeat)
        matched = not self._has(number, "unmatched", options.null_segment_rate)
        if listed_from is None:
            late = self._has(number, "late", options.late_rate)
            listed_from = discovered + (options.late_by if late else 0)
        own = repeat and options.repeat_ids == "own"
        row = Row(
            sequence=sequence,
            id=(FIRST_OWN_ID if own else FIRST_ID) + number,
            stream_id=pair.stream_id,
            account_id=pair.account_id,
            segment_id=pair.segment_id if matched else None,
            confidence=("high" if chance.random() < HIGH_SHARE else "medium") if matched else None,
            person=somebody,
            discovered=floored(discovered, options.times),
            listed_from=listed_from,
        )
        if self._has(number, "hostile", options.hostile_rate):
            row.change({"profile": hostile(draw(options.seed, "hostile texts", number))})
        if self._has(number, "malformed", options.malformed_rate):
            row.flaw = draw(options.seed, "flaw", number).choice(sorted(FLAWS))
        return row

    def _has(self, number: int, trait: str, share: float) -> bool:
        return share > 0 and draw(self._options.seed, trait, number).random() < share
