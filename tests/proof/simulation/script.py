"""What happens in a world, and when: drawn from a seed, or by Hypothesis, which then makes it shorter."""

import random
from math import log10
from typing import NamedTuple

from tests.proof.simulation.weather import FAULTS

DAY = 86400.0
QUIET = 15.0
"""Days from which a world is a long and quiet one."""
FULL = 5.0
"""Days' worth of acts that a world has at most: in a longer one they lie further apart."""
ACCOUNTS_FAR = ("ctgo", "two")
FARS = (*ACCOUNTS_FAR, "crm", "org", "outreach")

RATES = {
    "find": 1.4,
    "find_late": 0.2,
    "find_dated_back": 0.2,
    "find_again": 0.15,
    "find_malformed": 0.1,
    "flood": 0.06,
    "vanish": 0.15,
    "amend": 0.1,
    "weather": 2.0,
    "kill": 2.0,
    "restart": 0.12,
    "reload": 0.08,
    "reboot": 0.06,
    "jump": 0.2,
    "freeze": 0.1,
    "mark": 0.3,
    "revoke": 0.12,
    "expire": 0.3,
    "poison": 0.12,
    "forget_rows": 0.15,
    "pause": 0.08,
    "resume": 0.08,
    "release": 0.1,
    "drop_held": 0.03,
    "retry": 0.1,
    "drop": 0.08,
    "forget": 0.04,
    "replay": 0.06,
    "window": 0.05,
    "back_up": 0.3,
    "restore": 0.2,
    "change_connectors": 0.08,
    "change_sources": 0.04,
    "second_engine": 0.05,
}
"""Acts, and how often a day each happens."""


class Event(NamedTuple):
    """`at`: seconds since the world began; `number`: what the act draws its own choices from."""

    at: float
    act: str
    number: int


def drawn(chance: random.Random, days: float) -> list[Event]:
    """A script of so many days."""
    # Some worlds are quiet in one way and wild in another: what always comes together hides what is seldom alone.
    moods = {act: chance.choice([0.0, 1.0, 1.0, 2.0]) for act in RATES}
    moods["find"] = chance.choice([1.0, 2.0])
    moods["kill"] = chance.choice([0.3, 1.0, 1.0]) if days < QUIET else 0.3
    script = []
    for act, rate in RATES.items():
        n = _times(chance, rate * moods[act] * min(days, FULL))
        script += [Event(chance.uniform(60.0, days * DAY), act, chance.getrandbits(32)) for _ in range(n)]
    return sorted(script)


def _times(chance: random.Random, mean: float) -> int:
    whole, part = divmod(mean, 1.0)
    return int(whole) + (chance.random() < part)


class Spelled(NamedTuple):
    """What an event of the weather means."""

    far: str
    kind: str
    seconds: float
    share: float


def spelled(number: int, days: float) -> Spelled:
    """Minutes mostly, days seldom; a CRM may be away for a month in a world of so many days if it is long."""
    chance = random.Random(number)  # noqa: S311 - a world to be repeated
    kind = chance.choice(sorted(FAULTS))
    longest = 6.1 if kind == "refused" else 5.1
    if FAULTS[kind].status == 429 or FAULTS[kind].retry_after:
        longest = 4.0  # who is told when to come back asks all day long
    elif days >= QUIET:
        longest = log10(days / 3 * DAY)
    seconds = 10 ** chance.uniform(2.1, longest)
    share = chance.choice([1.0, 1.0, 0.5, 0.2])
    far = chance.choice(FARS)
    if far in ACCOUNTS_FAR:  # polls go on every few minutes while CTGO is away
        seconds = min(seconds, 5 * DAY)
    return Spelled(far, kind, seconds, share)
