"""What a lead costs in HubSpot and Salesforce, through their real SDKs: requests, and processor time on this machine.

Our side is `syncd --once --yes`: pulled, written down, mapped, sent, settled. The other is a bare loop of the same
SDK that makes the calls which the run before it made, read from a file. Both are processes, and from both is taken what
the same process costs with nothing to send; what a fake costs is its own. Processor seconds, user and system.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.hubspot_options import DEFAULTS as HUBSPOT
from connectors.salesforce_defaults import DEFAULTS as SALESFORCE
from syncd.connector import Field
from tests.benchmarks.far_ends import SECRETS, Call, far_end
from tests.benchmarks.measuring import PYTHON, SYNCD, Row, Run, alternately, median, spread, timed
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
MOST_REQUESTS, MOST_REQUESTS_ALWAYS = 0.022, 0.011


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

    def bare(made: Sequence[Call]) -> Run:
        file = scratch / "calls"
        file.write_text("".join(json.dumps(call) + "\n" for call in made if "/oauth2/" not in call.path))
        with far_end(vendor) as end:
            return timed([PYTHON, HERE / "bare_calls.py", vendor, end.url, file])

    full, theirs, empty, nothing = alternately(
        times, lambda: ours(many, leads), lambda: bare(calls), lambda: ours(none, 0), lambda: bare([])
    )
    _, plain = _once(vendor, scratch / "always", many, leads, always=True)
    own, loop = (median(a, "cpu") - median(b, "cpu") for a, b in ((full, empty), (theirs, nothing)))
    return [
        Row(
            f"{vendor}: cost of a lead / bare loop of its SDK",
            f"{own / leads * 1e6:.0f} us, {spread(full, 's', 'cpu')}",
            f"{loop / leads * 1e6:.0f} us, {spread(theirs, 's', 'cpu')}",
            own / loop,
            1.5,
        ),
        Row(f"{vendor}: requests a lead", f"{len(calls)}", f"{leads}", len(calls) / leads, MOST_REQUESTS),
        Row(f"{vendor}: requests a lead, all always", f"{len(plain)}", f"{leads}", len(plain) / leads, MOST_REQUESTS_ALWAYS),
    ]  # fmt: skip


def _once(
    vendor: str, folder: Path, base: str, expected: int, *, always: bool = False
) -> tuple[Run, list[Call]]:
    """One run from an empty ledger into an empty CRM, and its calls. Raises ValueError if somebody is missing there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with far_end(vendor) as end:
        text = CONFIG.format(base=base, vendor=vendor, secrets=SECRETS[vendor].format(url=end.url))
        fields = _always(vendor) if always else {}
        lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
        (folder / "config.toml").write_text("\n".join([text, "[connectors.crm.fields]" * always, *lines, ""]))
        run = timed([SYNCD, "--config", folder / "config.toml", "--once", "--yes"])
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
