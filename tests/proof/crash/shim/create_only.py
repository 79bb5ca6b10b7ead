"""A plugin whose remote makes a new object each time that it is told to, and knows no keys.

So a person whose object may have been made is looked for first, and one whose object is known is written to by its id.
"""

import json
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict

from syncd.connector import Connector, Context, Delivered, Delivery, Outcome, Pause

SECONDS = 10.0


class CreateOnlyOptions(BaseModel):
    """`url`: where the remote is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str


class CreateOnlyConnector(Connector):
    """See the module; `tests.proof.crash.remotes.Crm` is its remote."""

    Options = CreateOnlyOptions
    codes: ClassVar[Mapping[str, str]] = {"create_only_down": "syncd tries again by itself."}
    defaults: ClassVar[Mapping[str, str]] = {"handle": "{{ handle }}", "bio": "{{ bio }}"}
    objects = "people"
    batch_size = 10

    def __init__(self, options: CreateOnlyOptions, context: Context) -> None:
        super().__init__(options, context)
        self._address = urlsplit(options.url)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        try:
            return [self._write(each) for each in batch]
        except (OSError, HTTPException, ValueError) as error:
            raise Pause("create_only_down", f"{type(error).__name__}", unexplained=True) from error

    def _write(self, each: Delivery) -> Delivered:
        remote_id = each.remote_id
        if remote_id is None and each.maybe_sent:
            found = self._ask("GET", f"?person={quote(each.person)}")["ids"]
            remote_id = found[0] if found else None
        body = {"person": each.person, "lead": each.lead.id, **each.fields}
        if remote_id is not None:
            self._ask("PUT", f"/{remote_id}", body)
            return Delivered(remote_id, created=False)
        return Delivered(self._ask("POST", "", body)["id"], created=True)

    def _ask(self, method: str, where: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = HTTPConnection(self._address.netloc, timeout=SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, self._address.path + where, content)
            answer = connection.getresponse()
            return json.loads(answer.read())
        finally:
            connection.close()
