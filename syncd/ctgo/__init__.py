"""The client of CTGO's API.

Every answer is what the vendor promised or one of the four failures: a login page, half an answer or an endless one
is never an empty page. The request budget that a response reports goes to `observe`, whatever became of the response.

* `client` sends; `exchange` is a call as a value, and the budget that the headers of its answer report.
* `shapes` decides what an answer must look like, `models` gives it names.
* `errors` is the table from status codes to failures.

`campaigns` is everything else that CTGO documents, for people and not for the daemon, which imports none of it: a module for
each kind of thing, over the same client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from syncd.ctgo.client import Upstream
from syncd.ctgo.exchange import Signals
from syncd.ctgo.models import Enrichment, Me, Page, Stream
from syncd.ctgo.shapes import Named

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.api import Client

__all__ = ["Client", "Enrichment", "Me", "Named", "Page", "Signals", "Stream", "Upstream"]


def __getattr__(name: str) -> object:
    """Import the public client when somebody asks for it: the daemon does not load the API for people."""
    if name == "Client":
        return import_module("syncd.ctgo.campaigns.api").Client
    raise AttributeError(name)
