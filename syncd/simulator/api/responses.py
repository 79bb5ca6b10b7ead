"""Responses in JSON."""

from typing import Any

from flask import Response

from syncd.simulator.leads.row import dumps
from syncd.simulator.options import Options
from syncd.simulator.refusals import Refusal, named


def reply(body: Any, status: int = 200) -> Response:
    """JSON of a value."""
    return json_text(dumps(body), status)


def json_text(text: str, status: int = 200) -> Response:
    """JSON that is text already."""
    return Response(text, status, content_type="application/json; charset=utf-8")


def refuse(refusal: Refusal, options: Options, **members: Any) -> Response:
    """An error. A code comes with a `message`; a sentence stands alone, as in the vendor's samples of a 401."""
    return reply({**named(refusal, options), **members}, refusal.status)
