"""A simulator on a clock that the test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient

from syncd.simulator import Options, World, create_app

KEY = "ctgo_test"
START = 1_790_000_000.0


@dataclass
class Time:
    """Epoch seconds, moved by hand."""

    instant: float = START

    def __call__(self) -> float:
        return self.instant


@dataclass
class Simulator:
    """A world, its clock, and a client with a key. Answers are Any, or every `.json` would need an assertion."""

    world: World
    time: Time
    http: FlaskClient
    slept: list[float] = field(default_factory=list)

    def get(self, path: str, key: str = KEY, **parameters: Any) -> Any:
        return self.http.get(f"/api/v2{path}", query_string=parameters, headers=bearer(key))

    def post(self, path: str, body: Any = None, key: str = KEY) -> Any:
        return self.send("POST", path, body, key)

    def send(self, method: str, path: str, body: Any = None, key: str = KEY) -> Any:
        return self.http.open(f"/api/v2{path}", method=method, json=body, headers=bearer(key))

    def order(self, verb: str, **body: Any) -> Any:
        """Of the control surface."""
        return self.http.post(f"/_sim/{verb}", json=body)

    def wait(self, seconds: float) -> None:
        self.time.instant += seconds

    def leads(self, path: str = "/leads", **parameters: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        leads: list[dict[str, Any]] = answer.json["leads"]
        return leads

    def ids(self, path: str = "/leads", **parameters: Any) -> list[int]:
        return [lead["id"] for lead in self.leads(path, **parameters)]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


Make = Callable[..., Simulator]


@pytest.fixture
def make() -> Make:
    """A factory: options by name."""

    def simulator(**options: Any) -> Simulator:
        time, slept = Time(), list[float]()
        world = World(Options(**{"rate_limit": 10_000, **options}), time)
        app = create_app(world.options, world=world, sleep=slept.append)
        return Simulator(world, time, app.test_client(), slept)

    return simulator
