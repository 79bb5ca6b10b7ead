"""A plugin that is not installed: what each suite wants of it, it adds in a class of its own."""

from typing import Any, ClassVar, NoReturn

import pytest
from pydantic import BaseModel, SecretStr

from syncd import registry
from syncd.connector import Connector, Field
from tests.cli.conftest import Home


class Plugin(Connector):
    """A connector of the type `stranger` that sends nothing; `answer` is what its own verb says, or raises."""

    class Options(BaseModel):
        token: SecretStr

    defaults: ClassVar[dict[str, str | Field]] = {}
    objects = "people"
    answer: Any = ()
    closed = 0

    def said(self) -> Any:
        """The answer, or raise it."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def deliver(self, _: object) -> NoReturn:
        raise NotImplementedError

    def close(self) -> None:
        type(self).closed += 1


class Point:
    """The entry point of a class."""

    def __init__(self, plugin: type[Plugin]) -> None:
        self._plugin = plugin
        self.value = f"tests:{plugin.__name__}"

    def load(self) -> type[Plugin]:
        return self._plugin


def plugged(home: Home, monkeypatch: pytest.MonkeyPatch, plugin: type[Plugin], **state: Any) -> Home:
    """A home whose second connector is this class, with `state` and `closed` as at its beginning."""
    known = dict(registry.known_types())
    monkeypatch.setattr(registry, "known_types", lambda: {**known, "stranger": Point(plugin)})
    for name, value in {"closed": 0, **state}.items():
        monkeypatch.setattr(plugin, name, value)
    home.connectors["crm"] = 'type = "stranger"\ntoken = "s3cr3t-canary"'
    home.configure()
    return home
