"""What a lead costs in HubSpot, Salesforce and Apollo: requests, and processor time on this machine.

The yardstick is a bare loop of the vendor's SDK that makes the very calls which a run of ours made; Apollo has none, so there
it is httpx, which our connector uses too. The bar is for the connector
alone, with its deliveries in its hands as the loop has its calls: what it adds to its library, or saves there. Beside it, a
whole run, `syncd --once --yes`, is told without a bar. There leads are pulled, written down, mapped and settled as well, which
the loop does nothing for; that costs the same whatever the CRM, and has a bar of its own, into CSV against the floor script.
As a share of this yardstick it would say how dear the vendor's library is: HubSpot's costs five times what Salesforce's does.

All are processes of their own, as the fakes are. What counts is processor seconds, user and system, without start-up: the loop
and the connector tell what their sending took; from a whole run is taken one with no leads. Apollo is not told of leads
without an address, unless it is configured to be: those count for nothing.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from connectors.apollo.connector import ApolloConnector
from connectors.hubspot.options import DEFAULTS as HUBSPOT
from connectors.salesforce.options import DEFAULTS as SALESFORCE
from syncd.connector import Field
from tests.benchmarks.measuring import PYTHON, SYNCD, Run, alternately, median, spread, timed, told
from tests.benchmarks.remotes import SECRETS, Call, remote
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row
from tests.benchmarks.upstream import lead, served

HERE = Path(__file__).parents[1]
LEADS = 10_000
CONFIG = """\
[sources.main]
api_key = "ctgo_x"
base_url = "{base}"
export = false
requests_per_minute = 10000000

[connectors.crm]
type = "{vendor}"
{secrets}

[log]
level = "warning"
"""
MAPPINGS: Mapping[str, Mapping[str, str | Field]] = {
    "hubspot": HUBSPOT,
    "salesforce": SALESFORCE,
    "apollo": ApolloConnector.defaults,
}
MOST_COST = {"hubspot": 1.3, "salesforce": 1.3, "apollo": 1.7}
"""Apollo's loop is httpx with ready-made JSON, which no SDK's models weigh down: what the connector itself does, some ten
microseconds a lead to shape it and to find it in the answer, is the larger share of less."""
MOST_REQUESTS = {"hubspot": (0.022, 0.011), "salesforce": (0.022, 0.011), "apollo": (0.011, 0.011)}
"""Requests a lead, by the default mapping and by one that is all `always`."""


def crms(stage: Stage) -> Rows:
    """The case."""
    leads = stage.size(LEADS, 1_000)
    return [row for vendor in MAPPINGS for row in into(vendor, stage.scratch / vendor, stage.times, leads)]


def into(vendor: str, scratch: Path, times: int, leads: int) -> Rows:
    """Those of one CRM."""
    with served(leads, contacts=True) as many, served(0) as none:
        return _into(vendor, scratch, times, leads, (many, none))


def _wanted(vendor: str, leads: int) -> int:
    """How many of so many leads go there."""
    if vendor != "apollo":
        return leads
    return sum(lead(n, contacts=True)["email"] is not None for n in range(leads))


def _into(vendor: str, scratch: Path, times: int, leads: int, upstreams: tuple[str, str]) -> Rows:
    many, none = upstreams
    wanted = _wanted(vendor, leads)
    calls: list[Call] = []

    def ours(base: str, expected: int) -> Run:
        run, made = _once(vendor, scratch / "ours", base, expected)
        calls[:] = made or calls
        return run

    def bare() -> Run:
        file = scratch / "calls"
        file.write_text("".join(json.dumps(call) + "\n" for call in calls if "/oauth2/" not in call.path))
        with remote(vendor) as end:
            return told([PYTHON, HERE / "bare_calls.py", vendor, end.url, file])

    def alone() -> Run:
        with remote(vendor) as end:
            config = configured_for(vendor, scratch / "alone", many, end.url)
            return told([PYTHON, "-m", "tests.benchmarks.connector_alone", config, str(leads)])

    full, theirs, sent, empty = alternately(
        times, lambda: ours(many, wanted), bare, alone, lambda: ours(none, 0)
    )
    loop, connector = (median(runs, "cpu") / wanted * 1e6 for runs in (theirs, sent))
    whole = (median(full, "cpu") - median(empty, "cpu")) / wanted * 1e6
    beside = f"{loop:.0f} us, {spread(theirs, 's', 'cpu')}"
    by = "bare httpx" if vendor == "apollo" else "bare SDK"
    most, most_always = MOST_REQUESTS[vendor]
    rows = [
        Row(f"{vendor}: connector's cost of a lead / {by}", f"{connector:.0f} us, {spread(sent, 's', 'cpu')}", beside, connector / loop, MOST_COST[vendor]),
        Row(f"{vendor}: whole run's cost of a lead / {by}", f"{whole:.0f} us, {spread(full, 's', 'cpu')}", beside, whole / loop, None, essence=False),
        Row(f"{vendor}: requests a lead", f"{len(calls)}", f"{wanted}", len(calls) / wanted, most, essence=False),
    ]  # fmt: skip
    if vendor != "apollo":  # whose policies cost no request
        _, plain = _once(vendor, scratch / "always", many, leads, always=True)
        row = Row(
            f"{vendor}: requests a lead, all always",
            f"{len(plain)}",
            f"{leads}",
            len(plain) / leads,
            most_always,
        )
        rows.append(replace(row, essence=False))
    return rows


def configured_for(vendor: str, folder: Path, base: str, url: str, *, always: bool = False) -> Path:
    """The configuration, in a folder that is otherwise empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = CONFIG.format(base=base, vendor=vendor, secrets=SECRETS[vendor].format(url=url))
    fields = _always(vendor) if always else {}
    lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    file = folder / "config.toml"
    file.write_text("\n".join([text, "[connectors.crm.fields]" * always, *lines, ""]))
    return file


def _once(
    vendor: str, folder: Path, base: str, expected: int, *, always: bool = False
) -> tuple[Run, list[Call]]:
    """One run from an empty ledger into an empty CRM, and its calls. Raises ValueError if somebody is missing there."""
    with remote(vendor) as end:
        config = configured_for(vendor, folder, base, end.url, always=always)
        run = timed([SYNCD, "--config", config, "--once", "--yes"])
    if end.objects != expected:
        raise ValueError(f"{vendor} has {end.objects} people of {expected}")
    return run, end.calls


def _always(vendor: str) -> dict[str, str]:
    """The default mapping, all of it `always`.

    In Salesforce without what it writes to `Email`: whoever writes addresses that are known to be somebody's has them looked
    for among the org's people first, whatever the policies.
    """
    fields = {name: f if isinstance(f, str) else f.value for name, f in MAPPINGS[vendor].items()}
    return {name: f for name, f in fields.items() if name != "Email"}
