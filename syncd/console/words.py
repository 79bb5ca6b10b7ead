"""Words of the console for codes, kinds and acts. Pure."""

import re
from collections.abc import Mapping

from syncd.console.readings import Act

TYPES: Mapping[str, str] = {
    "apollo": "Apollo",
    "attio": "Attio",
    "csv": "CSV",
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "webhook": "webhook",
}
"""The names of connector types as their makers write them."""

_DONE: Mapping[str, tuple[str, str]] = {
    "pause": ("paused", ""),
    "resume": ("resumed", ""),
    "retry": ("retried what was rejected at", ""),
    "accept": ("accepted the refusals of", ""),
    "drop": ("dropped what was rejected at", ""),
    "release": ("decided on what the gate holds of", ""),
    "hold": ("closed the gate again of", ""),
    "replay": ("replayed older leads to", ""),
    "push on": ("switched push on for", ""),
    "push off": ("switched push off for", ""),
    "backup": ("copied the ledger to", ""),
    "restore": ("restored the ledger from", ""),
}
"""By verb: the words before the name, and after it."""
_ALONE: Mapping[str, str] = {
    "retry": "retried what was rejected",
    "drop": "dropped what was rejected",
    "window": "asked for older leads",
    "forget": "erased somebody for good",
}
_RESUME = re.compile(r"[.,;:]? *(?:and: |[Tt]hen: )?syncd resume [A-Za-z_][\w]*\.?$")


def type_name(type_: str) -> str:
    """Name a connector's type as people write it."""
    return TYPES.get(type_, type_)


def sentence_of(act: Act) -> tuple[str, str, str]:
    """Describe an act: the words before its name, its name, and the words after it."""
    if not act.name:
        return _ALONE.get(act.verb, act.verb), "", ""
    before, after = _DONE.get(act.verb, (act.verb, ""))
    return before, act.name, after


def trouble_of(code: str, type_: str = "") -> str:
    """Describe a failure code in a few words: `hubspot_token_refused` as `token refused`."""
    return code.removeprefix(f"{type_}_").replace("_", " ")


def without_resume(fix: str) -> tuple[str, bool]:
    """Return what to do without its last step, to resume, and True if that is a step: a button stands for it."""
    found = _RESUME.search(fix)
    if found is None:
        return fix, False
    return f"{fix[: found.start()]}.", True
