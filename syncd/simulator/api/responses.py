"""Responses in JSON."""

from typing import Any

from flask import Response

from syncd.simulator.leads.row import dumps
from syncd.simulator.options import Options
from syncd.simulator.refusals import Refusal, named


def reply(body: Any, status: int = 200) -> Response:
    """Build a JSON response from a value."""
    return json_text(dumps(body), status)


def json_text(text: str, status: int = 200) -> Response:
    """Build a JSON response from JSON text."""
    return Response(text, status, content_type="application/json; charset=utf-8")


def refuse(refusal: Refusal, options: Options, **members: Any) -> Response:
    """Build an error response. A code has a `message`; a sentence stands alone, as in the vendor's 401."""
    return reply({**named(refusal, options), **members}, refusal.status)
