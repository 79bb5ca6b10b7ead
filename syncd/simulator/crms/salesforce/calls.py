"""The calls of the pretended Salesforce, and their answers."""

import json
from dataclasses import dataclass, field


@dataclass
class Answer:
    """An answer. `short`: the connection breaks in the middle of the body."""

    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    short: bool = False

    @property
    def data(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class Trouble(Exception):  # noqa: N818 - an answer that ends the handling
    """A call that fails whole."""

    def __init__(self, status: int, code: str, message: str = "it failed") -> None:
        super().__init__(code)
        self.answer = Answer(status, [{"errorCode": code, "message": message}])


@dataclass
class Seen:
    """One API call as it came in."""

    method: str
    path: str
    assign: str
    duplicates: str
    rows: int = 0
    query: str = ""
