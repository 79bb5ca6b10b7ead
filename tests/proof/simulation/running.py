"""A world from its first day to its last: the script, then fair weather in which everything must come to its end."""

from collections.abc import Sequence

from syncd.ledger.lanes import load_lanes
from tests.proof.simulation.acts import Acts
from tests.proof.simulation.oracle import sane
from tests.proof.simulation.outside import liveness
from tests.proof.simulation.outside.authors import Author
from tests.proof.simulation.people import HOUR
from tests.proof.simulation.remotes import ACCOUNTS
from tests.proof.simulation.script import DAY, Event, drawn
from tests.proof.simulation.world import Came, Objection, Simulation

LONGEST_WAIT = 26 * HOUR
"""What a remote may ask for, and be believed, is a day; then a probe, and the retries."""


LENGTHS = (40.0, 1.0, 15.0, 7.0, 25.0, 7.0, 1.0, 15.0, 7.0, 20.0)


SHORT = (0.3, 1.0, 0.3, 2.0)
"""Days of worlds whose CTGO lives by itself: in a day it finds as many leads as a simulator's in a week."""


def length_of(seed: int, author: Author = "first") -> float:
    """Days of script in a seed's world: a busy day, a week, or quiet weeks; days of fair weather follow."""
    lengths = LENGTHS if author == "first" else SHORT
    return lengths[seed % len(lengths)]


def simulate(seed: int, days: float, script: Sequence[Event] | None = None, author: Author = "first") -> Came:
    """A world of that seed. `script`: instead of the one that the seed draws. Raises Objection."""
    with Simulation(seed, days, author) as sim, sim.under_way():
        events = drawn(sim.chance("script"), days) if script is None else sorted(script)
        acts = Acts(sim, days * DAY)
        sim.set_up()
        sim.start()
        for day in range(1, int(days) + 3):
            sim.scheduler.at(day * DAY, sim.far.new_day)
        for event in events:
            sim.run_until(event.at)
            acts.do(event)
            if sim.scheduler.passed >= sim.looked + DAY:
                sim.look()
        sim.run_until(days * DAY)
        _come_to_an_end(sim, acts)
        return sim.came()


def _come_to_an_end(sim: Simulation, acts: Acts) -> None:
    sim.tell("fair weather")
    sim.weather.clear()
    sim.far.give_back()
    sim.far.heal()
    sim.machine.skew = 0.0
    sim.scheduler.fate, acts.again = None, 0
    sim.setup.here, sim.setup.sources = set(sim.setup.names), set(ACCOUNTS)
    sim.setup.poll, sim.setup.reconcile = "6h", "12h"
    sim.write_configuration()
    sim.after_end = lambda: sim.start_later(1.0)  # type: ignore[method-assign]  # it is there to be set
    sim.stop()
    sim.run_until(sim.scheduler.passed + DAY + HOUR)  # somebody may be down for a day
    with sim.beside() as ledger, ledger.read() as connection:
        by_hand = [(lane.kind, lane.name) for lane in load_lanes(connection) if lane.by]
    acts.resume_lanes(by_hand)
    sim.run_until(sim.scheduler.passed + LONGEST_WAIT)
    sim.look()
    stuck = sane(sim.oracle.unsettled())
    if stuck := stuck if sim.author == "first" else sim.outside.unexplained(stuck):
        raise Objection(f"left to itself, in fair weather, it does not settle {len(stuck)}: {stuck[:3]}")
    sim.tell("people let everything through")
    for _ in range(4):
        for name in sim.setup.names[1:]:
            acts.release_of(name)
        acts.retry()
        acts.drop("lead_malformed")
        sim.run_until(sim.scheduler.passed + 6 * HOUR)
    if lost := sim.oracle.lost():
        raise Objection(f"lost: {lost[:5]}")
    _measure(sim, acts)
    if sim.author != "first":
        acts.export_again()
    sim.tell("a quiet day")
    sim.run_until(sim.scheduler.passed + DAY)
    acts.drop("lead_malformed")  # of late rows that nobody can read
    sim.look()
    left = sim.oracle.unsettled()
    if left := left if sim.author == "first" else sim.outside.unexplained(sane(left)):
        raise Objection(f"never settled: {left[:3]}")
    if untold := sim.oracle.untold(sim.setup.speaks):
        raise Objection(f"not told: {untold[:5]}")
    if lost := sim.oracle.lost():
        raise Objection(f"lost: {lost[:5]}")
    if wrong := list(sim.outside.at_the_end()):
        raise Objection(f"{len(wrong)} in all: {'; '.join(wrong[:5])}")


def _measure(sim: Simulation, acts: Acts) -> None:
    """Measure how long healthy leads wait behind poisoned ones. Nothing is held at a gate meanwhile."""
    chance = sim.chance("liveness")
    kind, account = chance.choice(liveness.KINDS), chance.choice(sorted(sim.far.accounts))
    sim.tell(f"healthy leads behind poison: {kind}")
    sim.setup.gate = 0
    sim.write_configuration()
    acts.order("reload")
    sim.run_until(sim.scheduler.passed + HOUR)

    def coming() -> list[tuple[str, int]]:
        found = sim.far.accounts[account].add(3)
        acts.order("pull")
        return [(account, it) for it in found]

    def wait(seconds: float) -> float:
        sim.run_until(sim.scheduler.passed + seconds)
        return sim.scheduler.passed

    for person in sim.far.accounts[account].people_of(
        sim.far.accounts[account].add(10 if kind == "ten" else 1)
    ):
        if kind == "locked":
            sim.far.lock(person)
        else:
            sim.far.poison(person)
    if chance.random() < 0.5:  # a campaign whose leads one rule refuses comes before all others
        sim.tell("the poisoned ones come alone")
        acts.order("pull")
        sim.run_until(sim.scheduler.passed + HOUR / 6)
    sim.waits = list(liveness.measure(coming, sim.outside.is_through, wait))
    sim.tell(f"the longest wait: {max((it.seconds for it in sim.waits), default=0.0):.0f} s")
    readable = {row.get("id") for row in sim.far.accounts[account].rows()}  # a malformed row is not healthy
    sim.waits = [
        it
        for it in sim.waits
        if it.done or (it.lead in readable and not sim.outside.is_unwell(it.source, it.lead))
    ]
    if late := [it for it in sim.waits if not it.done]:
        raise Objection(
            f"behind poison ({kind}), {len(late)} healthy leads wait longer than {liveness.BOUND:.0f} s: {late[:3]}"
        )
    sim.far.heal()
    acts.retry()
    sim.run_until(sim.scheduler.passed + 6 * HOUR)
