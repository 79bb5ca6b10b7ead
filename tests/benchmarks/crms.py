"""What a lead costs in HubSpot and Salesforce, through their real SDKs: requests, and processor time on this machine.

The yardstick is a bare loop of the same SDK that makes the very calls which a run of ours made. The bar is for the connector
alone, with its deliveries in its hands as the loop has its calls: what it adds to its library, or saves there. Beside it, a
whole run, `syncd --once --yes`, is told without a bar. There leads are pulled, written down, mapped and settled as well, which
the loop does nothing for; that costs the same whatever the CRM, and has a bar of its own, into CSV against the floor script.
As a share of this yardstick it would say how dear the vendor's library is: HubSpot's costs five times what Salesforce's does.

All are processes of their own, as the fakes are. What counts is processor seconds, user and system, without start-up: the loop
and the connector tell what their sending took; from a whole run is taken one with no leads.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from connectors.hubspot_options import DEFAULTS as HUBSPOT
from connectors.salesforce_defaults import DEFAULTS as SALESFORCE
from syncd.connector import Field
from tests.benchmarks.far_ends import SECRETS, Call, far_end
from tests.benchmarks.measuring import PYTHON, SYNCD, Row, Run, alternately, median, spread, timed, told
from tests.benchmarks.upstream import served

HERE = Path(__file__).parent
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
MAPPINGS: Mapping[str, Mapping[str, str | Field]] = {"hubspot": HUBSPOT, "salesforce": SALESFORCE}
MOST_COST, MOST_REQUESTS, MOST_REQUESTS_ALWAYS = 1.3, 0.022, 0.011


def into_crms(scratch: Path, times: int, leads: int = 10_000) -> list[Row]:
    """Every case."""
    return [row for vendor in MAPPINGS for row in into(vendor, scratch / vendor, times, leads)]


def into(vendor: str, scratch: Path, times: int, leads: int) -> list[Row]:
    """Those of one CRM."""
    with served(leads, contacts=True) as many, served(0) as none:
        return _into(vendor, scratch, times, leads, (many, none))


def _into(vendor: str, scratch: Path, times: int, leads: int, upstreams: tuple[str, str]) -> list[Row]:
    many, none = upstreams
    calls: list[Call] = []

    def ours(base: str, expected: int) -> Run:
        run, made = _once(vendor, scratch / "ours", base, expected)
        calls[:] = made or calls
        return run

    def bare() -> Run:
        file = scratch / "calls"
        file.write_text("".join(json.dumps(call) + "\n" for call in calls if "/oauth2/" not in call.path))
        with far_end(vendor) as end:
            return told([PYTHON, HERE / "bare_calls.py", vendor, end.url, file])

    def alone() -> Run:
        with far_end(vendor) as end:
            config = _configured(vendor, scratch / "alone", many, end.url)
            return told([PYTHON, "-m", "tests.benchmarks.connector_alone", config, str(leads)])

    full, theirs, sent, empty = alternately(
        times, lambda: ours(many, leads), bare, alone, lambda: ours(none, 0)
    )
    _, plain = _once(vendor, scratch / "always", many, leads, always=True)
    loop, connector = (median(runs, "cpu") / leads * 1e6 for runs in (theirs, sent))
    whole = (median(full, "cpu") - median(empty, "cpu")) / leads * 1e6
    beside = f"{loop:.0f} us, {spread(theirs, 's', 'cpu')}"
    return [
        Row(f"{vendor}: connector's cost of a lead / bare SDK", f"{connector:.0f} us, {spread(sent, 's', 'cpu')}", beside, connector / loop, MOST_COST),
        Row(f"{vendor}: whole run's cost of a lead / bare SDK", f"{whole:.0f} us, {spread(full, 's', 'cpu')}", beside, whole / loop, None),
        Row(f"{vendor}: requests a lead", f"{len(calls)}", f"{leads}", len(calls) / leads, MOST_REQUESTS),
        Row(f"{vendor}: requests a lead, all always", f"{len(plain)}", f"{leads}", len(plain) / leads, MOST_REQUESTS_ALWAYS),
    ]  # fmt: skip


def _configured(vendor: str, folder: Path, base: str, url: str, *, always: bool = False) -> Path:
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
    with far_end(vendor) as end:
        config = _configured(vendor, folder, base, end.url, always=always)
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
