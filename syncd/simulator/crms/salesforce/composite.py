"""Several requests in one call, as Salesforce's Composite resource takes them; of the requests, queries are enough here.

Source: Salesforce's REST guide, "Send multiple requests using Composite".
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from syncd.simulator.crms.salesforce.calls import Answer, Trouble

MOST, MOST_QUERIES = 25, 5
_QUERY = re.compile(r"/services/data/v\d+\.0/(query|queryAll)/?")


def answered(content: Any, query: Callable[[str, str], Answer]) -> Answer:
    """The answer to a composite call; `query` answers a query string of a resource. One that fails leaves the others alone."""
    asked = content.get("compositeRequest") if isinstance(content, dict) else None
    if not isinstance(asked, list) or not 1 <= len(asked) <= MOST:
        raise Trouble(400, "INVALID_INPUT", f"1 to {MOST} requests expected")
    names = [one.get("referenceId") for one in asked]
    if len(set(names)) < len(names) or not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", str(n)) for n in names):
        raise Trouble(400, "INVALID_INPUT", "each request needs a referenceId of its own")
    if content.get("allOrNone"):
        raise NotImplementedError("nobody here asks for all or none")
    if sum("/query" in one["url"] for one in asked) > MOST_QUERIES:
        raise Trouble(400, "LIMIT_EXCEEDED", f"at most {MOST_QUERIES} of the requests may be queries")
    return Answer(200, {"compositeResponse": [_one(each, query) for each in asked]})


def _one(asked: Any, query: Callable[[str, str], Answer]) -> dict[str, Any]:
    url = urlsplit(asked["url"])
    nowhere = Trouble(404, "NOT_FOUND", "The requested resource does not exist").answer
    try:
        known = _QUERY.fullmatch(url.path) if asked["method"] == "GET" else None
        answer = query(known[1], url.query) if known else nowhere
    except Trouble as trouble:
        answer = trouble.answer
    return {
        "body": answer.body,
        "httpHeaders": {},
        "httpStatusCode": answer.status,
        "referenceId": asked["referenceId"],
    }
