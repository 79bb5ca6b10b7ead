"""The real daemon for a chosen time: on loopback, under load, with troubles at every remote, killed and reloaded now and then.

The first fifth of the time belongs to deaths, the rest to one long life; then the weather clears, and everything must settle.
Whatever happens when is drawn from a seed, but a real process is scheduled by the kernel: a seed is no run to the byte.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from syncd.ledger import Ledger
from syncd.ledger.lanes import load_lanes
from syncd.simulator import World
from tests.proof.simulation.oracle import Oracle, sane
from tests.proof.simulation.outside.first import FirstCtgo, FirstHubSpot, FirstSalesforce
from tests.proof.simulation.remotes import ACCOUNTS, APART, FarEnds
from tests.proof.simulation.weather import FAULTS, Spell
from tests.proof.soak.configuration import text_of
from tests.proof.soak.front import Front, Skies
from tests.proof.soak.sampling import Sample, sample
from tests.proof.soak.verdict import Claim

RATE = 600
"""Requests a minute that CTGO allows each key here, so that a short run does much; the default of 60 is tried in virtual time."""
LEADS = 2.0
"""Leads a second that CTGO finds, both accounts together: less than the rate lets through, so what piles up in a trouble goes."""
EVERY = 1.0
"""Seconds between two samples."""
DEATHS = 0.2
"""Part of the time in which the process is killed now and then."""
HELP = 30.0
"""Seconds between two looks of the person who lets halted lanes go on."""
START = 30.0
"""Seconds within which a daemon's health page answers."""
SETTLE = 240.0
"""Seconds that the end may take once the weather is fair: a remote may have asked for two minutes."""


class _Oracle(Oracle):
    """The simulation's, for a key that may do more."""

    def _ask_how_often(self) -> None:
        for name, world in self._far.worlds.items():
            if world.gateway.busiest_minute() > RATE:
                self._object(f"{name}: more than {RATE} requests within a minute")


@dataclass
class Soak:
    """What a run saw. Instants are seconds since it began."""

    folder: Path
    chance: random.Random
    port: int
    samples: list[Sample] = field(default_factory=list)
    deaths: list[float] = field(default_factory=list)
    spells: list[tuple[float, float]] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    life: int = 0
    process: subprocess.Popen[bytes] | None = None
    settled_after: float | None = None
    resumed: int = 0
    _helped: float = 0.0

    def __post_init__(self) -> None:
        self.far = FarEnds(self.folder, time.time, time.monotonic, self.chance)
        for n, name in enumerate(ACCOUNTS):
            options = replace(self.far.worlds[name].options, rate_limit=RATE, leads=0, request_log=10)
            self.far.worlds[name] = World(options, time.time)
            self.far.accounts[name] = FirstCtgo(self.far.worlds[name])
            self.far.worlds[name].leads._found = APART * n
        self.far.know_apollos_fields()
        org, portal = self.far.crms["org"], self.far.crms["crm"]
        assert isinstance(org, FirstSalesforce)
        assert isinstance(portal, FirstHubSpot)
        org.fake.limit = portal.fake.daily = 10**9
        self.skies = Skies(self.chance)
        self.oracle = _Oracle(self.folder / "syncd.db", self.far)
        self.judging = threading.Lock()
        for name, world in self.far.worlds.items():
            world.on_export = lambda lead_id, source=name: self._exporting(source, lead_id)

    def _exporting(self, source: str, lead_id: int) -> None:
        with self.judging:
            self.oracle.exporting(source, lead_id)

    @property
    def now(self) -> float:
        return time.monotonic() - self.begun

    # The process

    def start(self) -> None:
        self.life += 1
        with (self.folder / "syncd.log").open("ab") as log:
            command = [sys.executable, "-m", "syncd", "--config", str(self.folder / "config.toml")]
            environment = os.environ | {"MALLOC_ARENA_MAX": "2"}  # as the service and the image have it
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        until = time.monotonic() + START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                log_text = (self.folder / "syncd.log").read_text()
                raise RuntimeError(f"the daemon does not start: {log_text[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether its health page does."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5.0).is_success
        except httpx.HTTPError:
            return False

    def die(self, number: signal.Signals) -> None:
        """It is killed, or stopped, and looked at; then started again."""
        assert self.process is not None
        self.deaths.append(self.now)
        self.process.send_signal(number)
        code = self.process.wait(30)
        if number == signal.SIGTERM and code != 0:
            self.oracle.objections.append(f"SIGTERM ended it with exit code {code}")
        self.look()
        self.start()

    def look(self) -> None:
        with self.judging:
            self.oracle.look()

    # What happens

    def turn(self, until: float, *, deadly: bool) -> None:
        """Let time pass under load, something happening every few seconds."""
        owed, told, coming = 0.0, self.now, self.now + 5.0
        while self.now < until:
            owed += (self.now - told) * LEADS
            told = self.now
            for _ in range(int(owed)):
                self.chance.choice(list(self.far.worlds.values())).add_leads(1)
            owed -= int(owed)
            if self.now >= coming:
                self._happen(deadly=deadly)
                coming = self.now + self.chance.uniform(3.0, 12.0)
            self._watch()
            self._help()
            time.sleep(EVERY)

    def _happen(self, *, deadly: bool) -> None:
        assert self.process is not None
        if deadly:
            act = self.chance.choice(["trouble", "trouble", "kill", "kill", "term"])
        else:
            act = self.chance.choice([*["trouble"] * 6, "reload", "pull", "freeze", "expire", "flood"])
        if act == "trouble":
            self._spoil(self.chance.choice([*ACCOUNTS.values(), "crm", "org", "outreach"]))
        elif act == "kill":
            self.die(signal.SIGKILL)
        elif act == "term":
            self.die(signal.SIGTERM)
        elif act == "reload":
            self.process.send_signal(signal.SIGHUP)
        elif act == "pull":
            self.process.send_signal(signal.SIGUSR1)
        elif act == "freeze":
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(self.chance.uniform(0.5, 3.0))
            self.process.send_signal(signal.SIGCONT)
        elif act == "expire":
            self.far.expire()
        else:
            self.chance.choice(list(self.far.worlds.values())).add_leads(40)

    def _help(self) -> None:
        """As a person does now and then: whatever has halted is let go on. It would try by itself in an hour."""
        if self.now < self._helped + HELP:
            return
        self._helped = self.now
        with Ledger.open_to_read(self.folder / "syncd.db") as ledger, ledger.read() as connection:
            halted = {lane.name for lane in load_lanes(connection) if lane.status == "halted"}
        self.resumed += len(halted)
        for name in sorted(halted):
            self.command("resume", name)

    def command(self, *words: str) -> None:
        """A command beside the daemon."""
        command = [sys.executable, "-m", "syncd", "--config", str(self.folder / "config.toml"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            self.oracle.objections.append(f"syncd {' '.join(words)}: {done.returncode}: {done.stderr}")

    def _spoil(self, far: str) -> None:
        """A spell of bad weather, but none that is believed for longer than a run: a day, and Apollo's hour."""
        lasts, share = self.chance.uniform(4.0, 30.0), self.chance.choice([0.2, 0.5, 1.0])
        believed = {
            kind for kind in FAULTS if kind.startswith("429") and (kind == "429_huge" or far == "outreach")
        }
        kind, begin = self.chance.choice(sorted(FAULTS.keys() - believed)), time.monotonic()
        self.skies.add([Spell(far, kind, begin, begin + lasts, share)])
        self.spells.append((self.now, self.now + lasts))

    def _watch(self) -> None:
        assert self.process is not None
        if (code := self.process.poll()) is not None:
            self.oracle.objections.append(f"the daemon ended by itself, exit code {code}")
            self.start()
        counts = self.found(), sum(len(world.exported) for world in self.far.worlds.values())
        seen = sample(self.now, self.life, self.process.pid, self.folder / "syncd.db", counts)
        if seen is not None:
            self.samples.append(seen)

    def found(self) -> int:
        """Leads that CTGO lists."""
        return sum(len(world.listed()) for world in self.far.worlds.values())

    def settle(self) -> None:
        """Fair weather: until everything that waits for no person is settled."""
        self.skies.clear()
        begun = self.now
        while self.now < begun + SETTLE:
            self._watch()
            self._help()
            if not sane(self.oracle.unsettled()) and not self.oracle.lost():
                self.settled_after = self.now - begun
                return
            time.sleep(EVERY)

    def kept(self) -> list[Claim]:
        """The promises, as this run saw them."""
        stuck, lost = sane(self.oracle.unsettled()), self.oracle.lost()
        bugs = (self.folder / "syncd.log").read_text().count("Traceback")
        refused = sum(world.stats()["tooManyRequests"] for world in self.far.worlds.values())
        doubles = self.far.doubles()
        after = "never" if self.settled_after is None else f"{self.settled_after:.0f} s"
        objections, mistakes = self.oracle.objections, self.skies.mistakes
        return [
            Claim("leads lost", str(len(lost)), "0", not lost),
            Claim("duplicates", str(len(doubles)), "0", not doubles),
            Claim("exports watched, and objections", f"{self.oracle.exports}, {len(objections)}", "0", not objections),
            Claim("left unsettled", str(len(stuck)), "0", not stuck),
            Claim("settled, once the weather was fair, after", after, f"<= {SETTLE:.0f} s", self.settled_after is not None),
            Claim("requests that CTGO refused as too many", str(refused), "0", refused == 0),
            Claim("mistakes of the remotes themselves", str(len(mistakes)), "0", not mistakes),
            Claim("tracebacks in the log", str(bugs), "0", bugs == 0),
        ]  # fmt: skip


@contextmanager
def under_way(soak: Soak) -> Iterator[None]:
    """The remotes are served and the daemon runs."""
    with ExitStack() as ends:
        urls: dict[str, str] = {}
        for far, app in soak.far.apps():
            # An export is judged within CTGO's own request, and looks into the CRMs
            front = Front(far, app, soak.skies, nullcontext() if far in ACCOUNTS.values() else soak.judging)
            front.start()
            ends.callback(front.stop)
            urls[far] = front.url
        org = soak.far.crms["org"]
        assert isinstance(org, FirstSalesforce)
        org.fake.url = urls["org"]
        (soak.folder / "config.toml").write_text(text_of(urls, soak.port, RATE))
        (soak.folder / "config.toml").chmod(0o600)
        soak.start()
        try:
            yield
        finally:
            assert soak.process is not None
            soak.process.send_signal(signal.SIGCONT)
            soak.process.terminate()
            soak.process.wait(30)


def soaked(seconds: float, folder: Path, seed: int, port: int) -> Soak:
    """A run of so many seconds, and the time that it takes to settle."""
    soak = Soak(folder, random.Random(seed), port)  # noqa: S311 - a run to be told apart, and no secret
    with under_way(soak):
        soak.turn(DEATHS * seconds, deadly=True)
        soak.turn(seconds, deadly=False)
        soak.settle()
        soak.look()
    return soak
