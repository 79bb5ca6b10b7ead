"""The simulated CRMs by the type of their connector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from syncd.simulator.crms import apollo, attio, hubspot, salesforce, webhook

Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Crm:
    """A simulated CRM.

    Attributes:
        title: Its name in sentences.
        table: The name of its table in a configuration.
        port: The port that the program takes by default.
        make: Makes one that nobody has set up, on a wall clock and a monotonic one.
        options: The lines of its table. `{url}` stands for its address.
    """

    title: str
    table: str
    port: int
    make: Callable[[Seconds, Seconds], Any]
    options: str


CRMS: Mapping[str, Crm] = MappingProxyType(
    {
        "hubspot": Crm(
            "HubSpot", "crm", 8401,
            lambda now, monotonic: hubspot.HubSpotFake(now, monotonic, ready=False),
            f'access_token = "{hubspot.TOKEN}"\nbase_url = "{{url}}"',
        ),
        "salesforce": Crm(
            "Salesforce", "org", 8402,
            lambda now, _: salesforce.SalesforceFake(now),
            f'client_id = "{salesforce.CLIENT_ID}"\nclient_secret = "{salesforce.CLIENT_SECRET}"\ninstance_url = "{{url}}"',
        ),
        "apollo": Crm(
            "Apollo", "outreach", 8403,
            lambda now, _: apollo.ApolloFake(now),
            f'api_key = "{apollo.KEY}"\nbase_url = "{{url}}{apollo.PREFIX}"',
        ),
        "webhook": Crm(
            "A receiver of webhooks", "automation", 8404,
            lambda now, _: webhook.WebhookFake(now),
            f'url = "{{url}}{webhook.PREFIX}"\nheaders = {{{{ Authorization = "Bearer {webhook.TOKEN}" }}}}\nsigning_secret = "{webhook.SIGNING_SECRET}"',
        ),
        "attio": Crm(
            "Attio", "relations", 8405,
            lambda now, _: attio.AttioFake(now, ready=False),
            f'access_token = "{attio.TOKEN}"\nbase_url = "{{url}}"',
        ),
    }
)  # fmt: skip


def configuration(type_: str, url: str) -> str:
    """Return the table of a configuration that delivers to the CRM at `url`."""
    crm = CRMS[type_]
    return f'[connectors.{crm.table}]\ntype = "{type_}"\n{crm.options.format(url=url)}\n'
