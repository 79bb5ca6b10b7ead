"""The watch over a real engine in virtual time: what a person hears, what a restart remembers, and that nothing waits for it."""

from collections.abc import Iterator
from pathlib import Path
from wsgiref.types import WSGIEnvironment

import httpx
import pytest
from pydantic import SecretStr

from syncd.alerts.sender import Hook, Sender
from syncd.alerts.watcher import EVERY, DigestAt, Watch
from syncd.clock import SystemClock
from syncd.core.delivery import Delivery
from syncd.core.failure import Halt, Pause, Reject
from syncd.health.snapshot import MonitoredSource, ViewReader
from syncd.health.view import View
from syncd.ledger import Ledger
from tests.alerts.receivers import Plain, Receiver, Slack
from tests.support import Bench
from tests.support.remote import Remote
from tests.support.virtual import DAY, Log

HOOK = SecretStr("https://hooks.example/canary-secret")


class Scene:
    """A bench and its watch. `live` lets both go on for so long; `restart` ends this life and begins another."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self.world = self.bench.ctgo(leads=5)
        self.far = self.bench.place()
        self.receiver: Receiver = Plain()
        self.switch = Plain()
        self.digest_at: DigestAt | None = None
        self.poll = 60.0
        self.log = Log()
        self.counted: list[tuple[str, str]] = []
        self.begin()

    def begin(self) -> None:
        self.bench.boot()
        self.reader = Ledger.open_to_read(self.bench.path)
        clock = self.bench.clock
        context = self.bench.life.contexts["main"]
        watched = {"main": MonitoredSource(context.budget.meter, lambda at: at + self.poll, low_credits=20)}
        self.looker = ViewReader(self.reader, clock, watched, {"crm"})
        hook = Hook(HOOK, clock, transport=httpx.WSGITransport(app=self.receiver))
        self.watch = Watch(
            self.looker.look, self.bench.ledger, clock, self.log, "vps1",
            sender=Sender(hook, clock, self.log, lambda *it: self.counted.append(it)),
            heartbeat=Hook(HOOK, clock, transport=httpx.WSGITransport(app=self.switch)),
            digest_at=self.digest_at,
            counted=lambda *it: self.counted.append(it),
        )  # fmt: skip

    def live(self, seconds: float, *, polls: bool = True, step: float = EVERY) -> None:
        """`step`: seconds between two looks; a poll before each."""
        end = self.bench.clock.monotonic() + seconds
        while self.bench.clock.monotonic() < end:
            if polls:
                self.bench.daemon(step, poll=step, reconcile=None)
            else:
                self.bench.clock.advance(step)
            self.watch.tick()

    def restart(self) -> None:
        self.reader.close()
        self.bench.stop()
        self.begin()

    @property
    def heard(self) -> list[str]:
        return [text.removeprefix("syncd on vps1: ").splitlines()[0] for text in self.receiver.shown]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.reader.close()
    made.bench.close()


def halts(_: Remote, __: list[Delivery]) -> list[object]:
    raise Halt("token_refused", "The CRM answered 401.")


def is_down(_: Remote, __: list[Delivery]) -> list[object]:
    raise Pause("unreachable", "The CRM cannot be reached.", unexplained=True)


def test_all_well_is_silence(scene: Scene) -> None:
    scene.live(3600.0, step=120.0)
    assert scene.receiver.shown == []


def test_a_halt_and_its_end_are_a_message_each(scene: Scene) -> None:
    scene.far.rule = halts  # type: ignore[assignment]
    scene.live(600.0)
    assert scene.heard == ["connector crm has halted (token_refused)"]
    scene.far.rule = None
    scene.restart()
    scene.live(600.0)
    assert scene.heard[1:] == ["connector crm is well again (token_refused)"]


def test_restarts_repeat_nothing_while_it_is_still_broken(scene: Scene) -> None:
    scene.far.rule = halts  # type: ignore[assignment]
    for _ in range(5):
        scene.live(120.0)
        scene.restart()
    assert scene.heard == ["connector crm has halted (token_refused)"]


def test_one_that_halts_over_and_over_is_told_every_five_minutes_at_most(scene: Scene) -> None:
    scene.far.rule = halts  # type: ignore[assignment]
    scene.live(60.0)
    scene.far.rule = None
    scene.restart()
    scene.live(60.0)
    scene.world.add_leads(1)
    scene.far.rule = halts  # type: ignore[assignment]
    scene.live(120.0)
    assert len(scene.heard) == 2
    scene.live(150.0)
    assert len(scene.heard) == 3


def test_a_restart_before_it_was_told_forgets_nothing(scene: Scene) -> None:
    scene.receiver.status = "503 Busy"
    scene.far.rule = halts  # type: ignore[assignment]
    scene.live(600.0)
    scene.restart()
    scene.receiver.status = ""
    scene.live(120.0)
    assert scene.heard == ["connector crm has halted (token_refused)"]


def test_a_lane_that_is_down_for_long_is_told_after_a_quarter_of_an_hour(scene: Scene) -> None:
    scene.far.rule = is_down  # type: ignore[assignment]
    scene.live(780.0, step=60.0)
    assert scene.heard == []
    scene.live(300.0, step=60.0)
    assert scene.heard == ["connector crm has failed for a while (unreachable)"]
    scene.far.rule = None
    scene.live(900.0, step=60.0)
    assert scene.heard[1:] == ["connector crm is well again (unreachable)"]


def test_a_refused_key_is_one_message(scene: Scene) -> None:
    refuse = httpx.Response(401, json={"error": "unauthorized"})
    scene.live(60.0)
    scene.bench.life.wires["main"].answering = lambda request, _: httpx.Response(
        401, request=request, content=refuse.content
    )
    scene.live(3600.0)
    assert scene.heard == ["source main has halted (key_refused)"]
    assert "syncd resume main" in scene.receiver.shown[0]


def test_rejects_are_one_message_not_one_each_and_hold_nothing_of_a_lead(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.world.add_leads(40)
    seen = 0

    def refuse_most(_: Remote, batch: list[Delivery]) -> list[object]:
        nonlocal seen
        seen += 1
        return [
            _.write(d) if n % 3 == 0 else Reject("bad_phone", f"{d.lead.profile.handle} is odd")
            for n, d in enumerate(batch)
        ]

    scene.far.rule = refuse_most  # type: ignore[assignment]
    scene.live(300.0)
    assert scene.heard == ["crm has much set aside (many_set_aside)"]
    handles = [
        row[0] for row in scene.bench.rows("SELECT json_extract(text, '$.profile.handle') FROM payload")
    ]
    assert [handle for handle in handles if handle in scene.receiver.shown[0]] == []
    scene.reader.close()
    scene.bench.close()


def test_a_pull_that_nobody_makes_is_told(scene: Scene) -> None:
    scene.live(60.0)
    scene.live(2400.0, polls=False)
    assert scene.heard == ["source main is not being pulled (pull_stale)"]
    scene.live(120.0)
    assert scene.heard[1:] == ["source main is pulled again (pull_stale)"]


def test_few_credits_and_their_end_are_told(scene: Scene) -> None:
    scene.looker.credits["main"] = 5
    scene.live(60.0)
    scene.looker.credits["main"] = 500
    scene.live(60.0)
    assert scene.heard == [
        "source main has few credits left (credits_low)",
        "source main has credits again (credits_low)",
    ]


def test_a_webhook_that_is_away_is_left_alone_for_longer_and_longer(scene: Scene) -> None:
    scene.receiver.status = "500 Oops"
    scene.far.rule = halts  # type: ignore[assignment]
    scene.live(120.0)
    scene.live(DAY / 2, polls=False)
    tries = len(scene.receiver.methods)
    assert 12 <= tries <= 22  # doubling from half a minute to an hour
    assert len(scene.log.named("alert_unsent")) == 1
    assert "canary" not in str(scene.log.events)
    scene.receiver.status = ""
    scene.live(3700.0, polls=False)
    assert sorted(scene.heard) == [
        "connector crm has halted (token_refused)",
        "source main is not being pulled (pull_stale)",
    ]
    assert scene.log.named("alerts_sent_again") == [{"after": tries}]


def test_a_message_that_is_never_taken_does_not_keep_the_others_back(scene: Scene) -> None:
    class Picky(Plain):
        def take(self, environ: WSGIEnvironment, body: bytes) -> str:
            return "400 Odd" if b"credits" in body else super().take(environ, body)

    scene.receiver = Picky()
    scene.far.rule = halts  # type: ignore[assignment]
    scene.restart()
    scene.looker.credits["main"] = 5
    scene.live(300.0)
    assert scene.heard == ["connector crm has halted (token_refused)"]


def test_a_webhook_that_asks_for_time_gets_it(scene: Scene) -> None:
    scene.receiver.status, scene.receiver.headers = "429 Slow down", [("Retry-After", "1800")]
    scene.far.rule = halts  # type: ignore[assignment]
    scene.live(120.0)
    scene.live(1600.0, polls=False)
    assert len(scene.receiver.methods) == 1


def test_the_heart_beats_after_clean_pulls_only(scene: Scene) -> None:
    scene.watch.tick()
    assert scene.switch.methods == []
    scene.live(300.0)
    assert scene.switch.methods == ["GET"] * 10
    scene.live(300.0, polls=False)
    assert len(scene.switch.methods) == 10


def test_the_heart_does_not_beat_while_something_is_wrong(scene: Scene) -> None:
    scene.live(60.0)
    before = len(scene.switch.methods)
    scene.world.add_leads(1)
    scene.far.rule = halts  # type: ignore[assignment]
    scene.live(300.0)
    assert len(scene.switch.methods) == before
    scene.far.rule = None
    scene.restart()
    scene.live(300.0)
    assert len(scene.switch.methods) > before


def test_a_restart_alone_is_no_progress(scene: Scene) -> None:
    scene.live(60.0)
    before = len(scene.switch.methods)
    for _ in range(5):
        scene.restart()
        scene.live(EVERY, polls=False)
    assert len(scene.switch.methods) == before


def test_the_digest_comes_once_a_day_and_counts_from_the_last(scene: Scene) -> None:
    scene.digest_at, scene.poll = DigestAt(8, 0, "Europe/Paris"), 900.0
    scene.restart()
    scene.watch.tick()
    scene.live(DAY, step=900.0)
    (said,) = scene.receiver.shown
    assert "5 found, 5 delivered, 5 exported." in said
    scene.world.add_leads(2)
    scene.restart()
    scene.live(DAY, step=900.0)
    assert len(scene.heard) == 2
    assert "2 found, 2 delivered, 2 exported." in scene.heard[-1]


def test_the_ledger_taking_nothing_keeps_nobody_from_hearing(scene: Scene) -> None:
    scene.live(60.0)
    scene.world.add_leads(1)
    scene.far.rule = halts  # type: ignore[assignment]
    scene.bench.daemon(60.0)
    scene.watch.ledger = scene.reader  # which refuses to write
    scene.live(120.0, polls=False)
    assert scene.heard == ["connector crm has halted (token_refused)"]


def test_a_bug_is_logged_once_and_ends_nothing(scene: Scene) -> None:
    def look() -> View:
        raise ZeroDivisionError

    scene.watch.look = look
    scene.live(300.0)
    assert len(scene.log.named("watch_failed")) == 1


def test_messages_and_beats_are_counted(scene: Scene) -> None:
    scene.looker.credits["main"] = 5
    scene.live(60.0)
    assert {("message", "sent"), ("heartbeat", "sent")} == set(scene.counted)


def test_an_address_that_cannot_be_reached_is_one_sentence_within_its_deadline(tmp_path: Path) -> None:
    del tmp_path
    log, clock = Log(), SystemClock()
    sender = Sender(Hook(SecretStr("http://127.0.0.1:9/canary-secret"), clock), clock, log, lambda *_: None)
    assert not sender.post("Hello.")
    assert sender.is_resting()
    assert log.named("alert_unsent") == [{"detail": "127.0.0.1:9 refused the connection."}]


def test_a_redirect_is_not_followed() -> None:
    log, clock = Log(), SystemClock()
    away = Slack(status="302 Found", headers=[("Location", "https://elsewhere.example/")])
    hook = Hook(HOOK, clock, transport=httpx.WSGITransport(app=away))
    assert not Sender(hook, clock, log, lambda *_: None).post("Hello.")
    assert away.methods == ["POST"]
