"""What the world, the machine and people do to syncd. Each act draws its own choices from a number."""

import random
import re
from functools import partial

from syncd.core.lead import utc_text
from syncd.daemon.daemon import Order
from syncd.ledger import Ledger, LedgerError
from syncd.ledger.admin import backups, restoration
from syncd.ledger.database import EngineLock
from syncd.simulator import World
from tests.proof.simulation.outside.remote import Ctgo
from tests.proof.simulation.people import HOUR, WHO, People
from tests.proof.simulation.remotes import ACCOUNTS, HOOK
from tests.proof.simulation.script import DAY, Event, spelled
from tests.proof.simulation.weather import Spell
from tests.proof.simulation.world import Simulation

SEAMS = (
    "before a transaction",
    "before a commit",
    "after a commit",
    "request",
    "carried out",
    "file write",
    "file half written",
    "file written",
)
"""Where dying matters most."""


OF_THE_SIMULATOR = {
    "find_late",
    "find_dated_back",
    "find_again",
    "find_malformed",
    "vanish",
    "amend",
    "poison",
}
"""Acts that only CTGO's simulator can be told to do."""


BELIEVED = re.compile("204|.*_200")
"""Answers in which a webhook's receiver says that it took what it did not take."""


class Acts(People):
    """`do` does what an event says. `end`: when the script is over."""

    def __init__(self, sim: Simulation, end: float) -> None:
        super().__init__(sim)
        self.end = end
        self.restoring = False
        self.past = sim.folder / "past.db"
        sim.after_end = self.after_end  # type: ignore[method-assign]  # it is there to be set

    def do(self, event: Event) -> None:
        self.chance = random.Random(event.number)  # noqa: S311 - a world to be repeated
        self.sim.counts[f"act {event.act}"] += 1
        self.sim.tell(event.act)
        if event.act in OF_THE_SIMULATOR and not self.sim.far.worlds:
            self.find()  # the second author's CTGO does such things by itself
        else:
            getattr(self, event.act)()

    # What CTGO finds

    def _world(self) -> World:
        return self.chance.choice(list(self.sim.far.worlds.values()))

    def _account(self) -> Ctgo:
        return self.chance.choice(list(self.sim.far.accounts.values()))

    def find(self) -> None:
        self._account().add(self.chance.choice([1, 2, 3, 6]))

    def flood(self) -> None:
        self._account().add(self.chance.choice([15, 30, 230]))

    def drop_held(self) -> None:
        """Many come at once, and what a gate held back of them is not wanted."""
        self.sim.far.accounts["main"].add(15)
        self.order("pull")
        for name in self.sim.setup.names[1:]:
            self.sim.scheduler.at(self.sim.scheduler.passed + HOUR / 2, partial(self.drop_held_of, name))

    def find_late(self) -> None:
        """Listed later than its discovery says, sometimes by weeks."""
        true = self.sim.machine.true()
        by = 10 ** self.chance.uniform(1, 6.2)
        left = self.end - self.sim.scheduler.passed
        self._world().add_leads(2, discovered=true, listed_from=true + min(by, left))

    def find_dated_back(self) -> None:
        """Listed now, and discovered long ago."""
        back = 10 ** self.chance.uniform(1, 6.3)
        self._world().add_leads(2, discovered=self.sim.machine.true() - back)

    def find_again(self) -> None:
        """Somebody who is known is found once more, perhaps by the other account."""
        known = [row for world in self.sim.far.worlds.values() for row in world.listed() if row.flaw is None]
        if not known:
            return
        row, world = self.chance.choice(known), self._world()
        again = {"xUserId": row.person.x_user_id, "handle": row.person.handle, "displayName": row.person.name}
        for lead_id in world.add_leads(1):
            world.amend_lead(
                lead_id, {"profile": again, "email": row.person.email, "linkedinUrl": row.person.linkedin}
            )

    def find_malformed(self) -> None:
        world = self._world()
        for lead_id in world.add_leads(1):
            world.amend_lead(
                lead_id, self.chance.choice([{"segmentId": "soon"}, {"profile": {"xUserId": None}}])
            )

    def _listed(self) -> tuple[World, int] | None:
        world = self._world()
        rows = world.listed()
        return (world, self.chance.choice(rows).id) if rows else None

    def vanish(self) -> None:
        """A lead is not listed any more, and its export is answered with 404; often one that is under way just now."""
        if self.chance.random() < 0.5:
            world, lead_id = self._newcomer()
            later = self.sim.scheduler.passed + 10 ** self.chance.uniform(0, 2)
            self.sim.scheduler.at(later, lambda: world.remove_lead(lead_id))
        elif found := self._listed():
            found[0].remove_lead(found[1])

    def _newcomer(self) -> tuple[World, int]:
        """A lead that is found now and asked for at once."""
        world = self._world()
        first, *_ = world.add_leads(1)
        self.order("pull")
        return world, first

    def amend(self) -> None:
        """The same key with other content; a malformed one may become whole."""
        if found := self._listed():
            bio = f"number {self.chance.randrange(100)}"
            changes = {"profile": {"bio": bio}, "discoveredAt": utc_text(self.sim.machine.true())}
            row = next(row for row in found[0].listed() if row.id == found[1])
            mended = {"segmentId": row.segment_id} if row.changes.get("segmentId") == "soon" else {}
            found[0].amend_lead(found[1], changes | mended)

    # What happens on the way and at the remotes

    def weather(self) -> None:
        spell = spelled(self.chance.getrandbits(32), self.end / DAY)
        if spell.far == "two" and "second" not in self.sim.setup.sources:
            spell = spell._replace(far="ctgo")
        if self.sim.setup.hook and self.chance.random() < 0.2 and not BELIEVED.fullmatch(spell.kind):
            spell = spell._replace(far=HOOK)
        now = self.sim.scheduler.passed
        self.sim.tell(f"{spell.far} {spell.kind} for {spell.seconds / HOUR:.2f} h, {spell.share:.0%}")
        self.sim.weather.add([Spell(spell.far, spell.kind, now, now + spell.seconds, spell.share)])
        if self.chance.random() < 0.8:  # or a short one passes unnoticed
            self._account().add(1)
            self.order("pull")

    def revoke(self) -> None:
        far = self.chance.choice(["ctgo", "crm", "org", "outreach"])
        self.sim.far.revoke(far)
        back = self.sim.scheduler.passed + 10 ** self.chance.uniform(3, 5.3)
        self.sim.counts[f"revoked {far}"] += 1
        self.sim.scheduler.at(back, self.sim.far.give_back)

    def expire(self) -> None:
        self.sim.far.expire()

    def poison(self) -> None:
        """Somebody whom every CRM refuses; whoever has them already will notice when they are found again."""
        if self.chance.random() < 0.7:
            world, lead_id = self._newcomer()
        elif found := self._listed():
            world, lead_id = found
        else:
            return
        for person in {row.person.x_user_id for row in world.listed() if row.id == lead_id}:
            self.sim.far.poison(person)

    def forget_rows(self) -> None:
        self.sim.far.forget_rows(self.chance.choice([1, 2]))

    # What happens to the machine

    def kill(self) -> None:
        """Some seams from now, with something under way mostly, and sometimes once more while it recovers."""
        if self.chance.random() < 0.7:
            self._account().add(self.chance.choice([1, 2]))
            self.order("pull")
        if self.chance.random() < 0.5:
            self.sim.kill_soon(self.chance.randrange(1, 150))
        else:
            self.sim.kill_soon(self.chance.randrange(1, 6), self.chance.choice(SEAMS))
        self.again = self.chance.choice([0, 0, int(10 ** self.chance.uniform(0, 2))])

    again = 0

    def after_end(self) -> None:
        if self.restoring:
            self.restoring = False
            self._restore()
        if self.again and self.sim.runs is False:
            again, self.again = self.again, 0
            self.sim.scheduler.at(self.sim.scheduler.passed + 1.0, lambda: self.sim.kill_soon(again))
        down = self.chance.choice([*[1.0] * 9, *[60.0] * 6, *[HOUR] * 4, DAY])
        self.sim.start_later(down, once=self.chance.random() < 0.1)

    def restart(self) -> None:
        self.sim.stop()

    def reload(self) -> None:
        self.order("reload")

    def order(self, what: Order) -> None:
        """A signal."""
        if self.sim.process is not None and self.sim.process.daemon is not None:
            self.sim.process.daemon.order(what)

    def reboot(self) -> None:
        """Power is cut: steady time begins anew."""
        if self.sim.runs:
            self.sim.die()
        self.sim.machine.reboot()

    def jump(self) -> None:
        skew = self.chance.choice([-30 * DAY, -HOUR, 0.0, HOUR, 30 * DAY])
        self.sim.machine.skew = skew
        self.sim.counts[f"clock {'right' if not skew else 'ahead' if skew > 0 else 'behind'}"] += 1

    def freeze(self) -> None:
        """The machine goes on and the process does not: stopped, for minutes to days."""
        if self.sim.runs:
            self.sim.scheduler.freeze(10 ** self.chance.uniform(2, 5.2))
            self.sim.counts["frozen"] += 1

    def second_engine(self) -> None:
        """I-8: it leaves before it touches anything."""
        if self.sim.process is None or self.sim.process.daemon is None:
            return
        try:
            with EngineLock(self.sim.path):
                self.sim.oracle.objections.append("a second engine was let in")
        except LedgerError as error:
            if error.code != "ledger_locked":
                raise

    # What people do to the machine and the configuration

    def back_up(self) -> None:
        if self.sim.has_ledger():
            backups.back_up(self.sim.path, self.past, force=True)

    def restore(self) -> None:
        """Nobody restores under a running engine."""
        if not self.past.exists():
            return
        if self.sim.runs:
            self.restoring = True
            self.sim.stop()
        else:
            self._restore()

    def _restore(self) -> None:
        self.sim.tell("restored")
        path = self.sim.path
        part = backups.fresh(path.with_name("syncd.db.restoring"))
        backups.copy(self.past, part)
        with Ledger.open(part) as ledger:
            restoration.bring_up_to_now(ledger, path, self.now, who=WHO, name="past.db")
        backups.replace(path, part, path.with_name("syncd.db.before-restore-1"))
        self.sim.counts["restored"] += 1
        self.sim.oracle.forget_what_was()
        self.sim.network.enriched.clear()  # nobody can know what was asked since

    def change_connectors(self) -> None:
        """One leaves, or all are back: with a restart or a reload."""
        here, names = self.sim.setup.here, self.sim.setup.names
        if here == set(names):
            here.discard(self.chance.choice(names))
            self.sim.setup.left |= set(names) - here
        else:
            here |= set(names)
        self._reconfigure()

    def change_sources(self) -> None:
        sources = self.sim.setup.sources
        if sources == set(ACCOUNTS):
            sources.discard("second")
        else:
            sources |= set(ACCOUNTS)
        self._reconfigure()

    def _reconfigure(self) -> None:
        self.sim.write_configuration()
        if self.chance.random() < 0.5:
            self.sim.stop()
        else:
            self.reload()
