"""CTGO and the three CRMs on loopback, one configuration that names all four connectors, and syncd as a real process."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from syncd.simulator import Options, Running, running
from syncd.simulator.crms import apollo, hubspot, salesforce
from syncd.simulator.crms.apollo import ApolloFake
from syncd.simulator.crms.hubspot import HubSpotFake
from syncd.simulator.crms.salesforce import SalesforceFake
from syncd.simulator.crms.salesforce.lead_object import KEY
from syncd.simulator.leads.row import Row
from syncd.simulator.wsgi import served

ROOT = Path(__file__).parents[2]
CRMS = ("crm", "org", "outreach")
CONFIG = """\
[sources.main]
api_key = "ctgo_0123456789"
base_url = "{ctgo}/api/v2"
requests_per_minute = 6000
start = "{start}"

[connectors.sheet]
type = "csv"
path = "leads.csv"

[connectors.crm]
type = "hubspot"
access_token = "{token}"
base_url = "{crm}"
requests_per_second = 100

[connectors.org]
type = "salesforce"
client_id = "{client_id}"
client_secret = "{client_secret}"
instance_url = "{org}"

[connectors.outreach]
type = "apollo"
api_key = "{key}"
base_url = "{outreach}/api/v1"
"""
_WRITING = (
    "/batch/upsert",
    "/batch/update",
    "/composite/sobjects",
    "/contacts/bulk_create",
    "/contacts/bulk_update",
)


App = Callable[..., Iterable[bytes]]


class Ran(NamedTuple):
    """What one command came to."""

    code: int
    out: str
    err: str


class Line:
    """The line to a remote: some answers to writing calls get lost on it, after the remote did what it was told.

    `lost`: the share of them; `before`: called before each writing call; `down`: nothing but 503 comes back, whatever
    is asked; `toxic`: a text that makes the remote answer 500 to a writing call that holds it, without a word.
    """

    def __init__(self, app: App, seed: int) -> None:
        self._app, self._chance = app, random.Random(seed)  # noqa: S311 - faults, not secrets
        self.lost = 0.0
        self.down = False
        self.toxic = ""
        self.before: Callable[[], None] | None = None
        self.writes = 0
        self.broken = 0
        self._lock = threading.Lock()

    def wsgi(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            if self.down:
                start_response(
                    "503 Service Unavailable", [("Content-Type", "text/html"), ("Content-Length", "0")]
                )
                return [b""]
            if not any(part in environ["PATH_INFO"] for part in _WRITING):
                return self._app(environ, start_response)
            self.writes += 1
            if self.before is not None:
                self.before()
            if self.toxic:
                sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                if self.toxic.encode() in sent:
                    start_response("500 Oops", [("Content-Type", "text/html"), ("Content-Length", "0")])
                    return [b""]
                environ = {**environ, "wsgi.input": BytesIO(sent)}
            if self._chance.random() >= self.lost:
                return self._app(environ, start_response)
            self.broken += 1
            body = b"".join(self._app(environ, lambda *_: None))
            start_response("200 OK", [("Content-Length", str(len(body) + 1000))])
            return [body[: len(body) // 2]]


@dataclass
class Everything:
    """`syncd(...)` runs a command in `folder`; the rest is what it talks to."""

    folder: Path
    ctgo: Running
    hubspot: HubSpotFake
    salesforce: SalesforceFake
    apollo: ApolloFake
    lines: dict[str, Line]
    urls: dict[str, str] = field(default_factory=dict)
    run: Callable[[list[str]], Ran] | None = None
    """How a command is run, if not as a process of its own."""

    def configure(self, start: str = "new", fields: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Write the configuration. `fields`: mappings by the connector's name, instead of the default ones."""
        text = CONFIG.format(
            ctgo=self.ctgo.url, start=start, token=hubspot.TOKEN, client_id=salesforce.CLIENT_ID,
            client_secret=salesforce.CLIENT_SECRET, key=apollo.KEY, **self.urls,
        )  # fmt: skip
        for name, mapping in (fields or {}).items():
            lines = (f"{key} = {json.dumps(value)}" for key, value in mapping.items())
            text += "\n".join([f"\n[connectors.{name}.fields]", *lines, ""])
        (self.folder / "config.toml").write_text(text)
        (self.folder / "config.toml").chmod(0o600)

    def syncd(self, *arguments: str, timeout: float = 240) -> Ran:
        """A process of its own, without a terminal, unless `run` is set."""
        if self.run is not None:
            return self.run(["--config", str(self.folder / "config.toml"), *arguments])
        ran = subprocess.run(
            [sys.executable, "-m", "syncd", "--config", "config.toml", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def told(self, *arguments: str) -> Any:
        """What a reading command says to a script."""
        return json.loads(self.syncd(*arguments, "--json").out)

    def rows(self) -> list[Row]:
        """The leads as CTGO keeps them, in the order in which they were found."""
        return self.ctgo.world.rows()

    def deliveries(self) -> dict[str, dict[str, int]]:
        """What `status` says of each connector's deliveries."""
        return {name: one["deliveries"] for name, one in self.told("status")["connectors"].items()}

    def forget(self) -> None:
        """An empty ledger: what a new machine has."""
        for path in self.folder.glob("syncd.db*"):
            path.unlink()

    def people(self) -> list[str]:
        """The X user ids of the leads that CTGO has."""
        return [row.person.x_user_id for row in self.rows()]

    def held(self) -> dict[str, Counter[str]]:
        """How many objects each CRM holds for a person, by X user id."""
        contacts = self.hubspot.portal.contacts.values()
        key = {id_ for id_, it in self.apollo.book.fields.items() if it["label"] == "ctgo_x_user_id"}
        return {
            "crm": Counter(str(contact.get("ctgo_x_user_id")) for contact in contacts),
            "org": Counter(str(lead.get(KEY)) for lead in self.salesforce.org.leads.values()),
            "outreach": Counter(
                str(value)
                for contact in self.apollo.book.contacts.values()
                for id_, value in contact["typed_custom_fields"].items()
                if id_ in key
            ),
        }

    def size(self, name: str) -> int:
        """How many objects a CRM holds."""
        held = {
            "crm": self.hubspot.portal.contacts,
            "org": self.salesforce.org.leads,
            "outreach": self.apollo.book.contacts,
        }
        return len(held[name])

    def poison(self, **persons: Iterable[str]) -> None:
        """Have each CRM refuse these people from now on, by the connector's name."""
        for person in persons.get("crm", ()):
            self.hubspot.poison(person)
        for person in persons.get("org", ()):
            said = {
                "statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "message": f"no {person}",
                "fields": [],
            }
            self.salesforce.org.errors[person] = said
        self.apollo.book.poisoned |= set(persons.get("outreach", ()))

    def revoke(self, name: str) -> None:
        """Take a connector's credentials away."""
        {"crm": self.hubspot.revoke, "org": self.salesforce.revoke, "outreach": self.apollo.keys.clear}[
            name
        ]()

    def restore(self) -> None:
        """Everybody is let in again."""
        self.hubspot.token = hubspot.TOKEN
        self.salesforce.revoked = False
        self.apollo.keys.add(apollo.KEY)


@contextmanager
def everything(folder: Path, *, leads: int, seed: int = 7, **options: Any) -> Iterator[Everything]:
    """All of it, as the vendors hand it over: nobody has set anything up. `options`: the simulator's."""
    given = {
        "leads": leads,
        "seed": seed,
        "rate_limit": 6000,
        "contact_in_listings": "lead",
        "contact_rate": 1.0,
    }
    crm, org, outreach = HubSpotFake(ready=False), SalesforceFake(), ApolloFake(now=time.time)
    crm.burst = 10_000  # what its limits come to is told elsewhere, and takes ten seconds
    apps: dict[str, App] = {"crm": crm.wsgi, "org": org.wsgi, "outreach": outreach.wsgi}
    lines = {name: Line(apps[name], seed + n) for n, name in enumerate(CRMS)}
    with ExitStack() as stack:
        ctgo = stack.enter_context(running(Options(**{**given, **options})))
        urls = {name: stack.enter_context(served(line.wsgi)) for name, line in lines.items()}
        org.url = urls["org"]
        made = Everything(folder, ctgo, crm, org, outreach, lines, urls)
        made.configure()
        yield made
