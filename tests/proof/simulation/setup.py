"""How syncd is configured in a world: which sources and connectors there are, and their options."""

import random
from dataclasses import dataclass, field
from typing import Self

from syncd.simulator.crms import apollo, hubspot, salesforce, webhook
from tests.proof.simulation.remotes import ACCOUNTS, CONNECTORS, HOOK, HOSTS, KEYS

_CONNECTORS = {
    "sheet": 'type = "csv"\npath = "leads.csv"\n',
    "crm": f'type = "hubspot"\naccess_token = "{hubspot.TOKEN}"\nbase_url = "https://{HOSTS["crm"]}"\n',
    "org": f'type = "salesforce"\nclient_id = "{salesforce.CLIENT_ID}"\nclient_secret = "{salesforce.CLIENT_SECRET}"\n'
    f'instance_url = "https://{HOSTS["org"]}"\n',
    "outreach": f'type = "apollo"\napi_key = "{apollo.KEY}"\nbase_url = "https://{HOSTS["outreach"]}/api/v1"\n',
    HOOK: f'type = "webhook"\nurl = "https://{HOSTS[HOOK]}{webhook.PREFIX}"\n'
    f'headers = {{ Authorization = "Bearer {webhook.TOKEN}" }}\n',
}


SHORT, LONG = 2.0, 15.0
"""Days."""


@dataclass
class Setup:
    """What may be changed between two starts. `here`: the connectors that are configured now."""

    poll: str = "30m"
    reconcile: str = "6h"
    here: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=lambda: set(ACCOUNTS))
    best_effort: set[str] = field(default_factory=set)
    gate: int = 200
    without_email: str = "skip"
    assignment: str = "on"
    lookback: str = "1h"
    enriches: bool = False
    speaks: str = ""
    """The CRM whose salespeople are heard, if any."""
    hook: str = ""
    """What a receiver of webhooks is, `required` or `best_effort`, if there is one."""
    left: set[str] = field(default_factory=set)
    """Connectors that were out of the configuration for a while."""

    def __post_init__(self) -> None:
        self.here = set(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """All connectors of this world."""
        return (*CONNECTORS, *([HOOK] if self.hook else []))

    @classmethod
    def drawn(cls, chance: random.Random, days: float) -> Self:
        """For a world of so many days: the longer, the less often it polls."""
        polls = ["5m", "15m"] if days < SHORT else ["1h", "2h", "3h"] if days < LONG else ["4h", "6h", "12h"]
        reconciles = ["6h", "12h", "20h"] if days < LONG else ["12h", "1d", "2d"]
        return cls(
            poll=chance.choice(polls),
            reconcile=chance.choice(reconciles),
            sources=set(chance.choice([["main"], ["main", "second"]])),
            best_effort=set(chance.choice([[], [], ["outreach"], ["crm"]])),
            gate=chance.choice([0, 10, 200]),
            without_email=chance.choice(["skip", "create"]),
            assignment=chance.choice(["on", "off"]),
            lookback=chance.choice(["1h", "2d"]),
            enriches=chance.random() < 0.3,
            speaks=chance.choice(["", "", "crm", "org"]),
            hook=chance.choice(["", "", "", "required", "best_effort"]),
        )


def text_of(setup: Setup) -> str:
    """The configuration's file."""
    parts = ['[log]\nlevel = "error"\n', '[health]\nlisten = ""\n']
    here = [name for name in setup.names if name in setup.here]
    parts += [_source(setup, name, here) for name in ACCOUNTS if name in setup.sources]
    parts += [f"[connectors.{name}]\n{_CONNECTORS[name]}{_more(setup, name)}" for name in here]
    return "\n".join(parts)


def _source(setup: Setup, name: str, here: list[str]) -> str:
    return (
        f'[sources.{name}]\napi_key = "{KEYS[name]}"\nbase_url = "https://{HOSTS[ACCOUNTS[name]]}/api/v2"\n'
        f'poll = "{setup.poll}"\nreconcile = "{setup.reconcile}"\nlookback = "{setup.lookback}"\n'
        f"connectors = {here}\n{_ENRICH.format(name=name) if setup.enriches else ''}"
    )


_ENRICH = """
[sources.{name}.enrich]
outputs = ["email", "linkedin_url"]
per_day = 20
keep_credits = 3
"""
_FEEDBACK = """
[connectors.{name}.feedback]
property = "{property}"
good = ["CONNECTED"]
bad = {{ UNQUALIFIED = "wrong_job", BAD_TIMING = "other" }}
poll = "{poll}"
"""
WORDS = {"CONNECTED": "good", "UNQUALIFIED": "bad", "BAD_TIMING": "bad", "NEW": ""}
"""What a salesperson may set, and what that says to CTGO; empty: nothing."""
PROPERTIES = {"crm": "hs_lead_status", "org": "Status"}


def _more(setup: Setup, name: str) -> str:
    more = 'ack = "best_effort"\n' if name in setup.best_effort else ""
    if name != "sheet":
        more += f"gate = {setup.gate}\n"
    if name == "outreach":
        more += f'without_email = "{setup.without_email}"\n'
    if name == HOOK:
        more += f'ack = "{setup.hook}"\n'
    if name == "org":
        more += f'assignment = "{setup.assignment}"\n'
    if name == setup.speaks:
        more += _FEEDBACK.format(name=name, property=PROPERTIES[name], poll=setup.poll)
    return more
