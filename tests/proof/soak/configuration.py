"""How syncd is configured for a long run: two sources, four connectors, health."""

from collections.abc import Mapping

from syncd.simulator.crms import apollo, hubspot, salesforce
from tests.proof.simulation.remotes import ACCOUNTS, KEYS

_SOURCE = """\
[sources.{name}]
api_key = "{key}"
base_url = "{url}/api/v2"
poll = "5s"
reconcile = "5m"
requests_per_minute = {rate}
connectors = ["sheet", "crm", "org", "outreach"]
"""
_REST = """\
[connectors.sheet]
type = "csv"
path = "leads.csv"

[connectors.crm]
type = "hubspot"
access_token = "{hubspot}"
base_url = "{crm}"
gate = 0

[connectors.org]
type = "salesforce"
client_id = "{client_id}"
client_secret = "{client_secret}"
instance_url = "{org}"
gate = 0

[connectors.outreach]
type = "apollo"
api_key = "{apollo}"
base_url = "{outreach}/api/v1"
gate = 0

[health]
listen = "127.0.0.1:{port}"

[log]
level = "info"
"""


def text_of(urls: Mapping[str, str], port: int, rate: int) -> str:
    """The configuration's file. `urls`: of each remote; `port`: of health; `rate`: requests a minute."""
    sources = [
        _SOURCE.format(name=name, key=KEYS[name], url=urls[far], rate=rate) for name, far in ACCOUNTS.items()
    ]
    rest = _REST.format(
        hubspot=hubspot.TOKEN,
        apollo=apollo.KEY,
        port=port,
        client_id=salesforce.CLIENT_ID,
        client_secret=salesforce.CLIENT_SECRET,
        **{far: urls[far] for far in ("crm", "org", "outreach")},
    )
    return "\n".join([*sources, rest])
