"""No input makes the simulator fail, or answer anything that its OpenAPI document does not promise.

Schemathesis makes the inputs: valid ones, boundaries, and ones that break the schema in one place. Each operation meets a
world of its own, so that the inputs and the answers are the same at every run.
"""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, Config

from syncd.simulator import Options, World, create_app
from tests.simulator.conftest import START, bearer

EXAMPLES = 15


class Renewed:
    """The app over a world that begins anew; between two requests pass seven seconds, so that runs get on."""

    def __init__(self) -> None:
        self.operation = ""
        self.renew("none")

    def renew(self, operation: str) -> None:
        if operation != self.operation:
            self.operation = operation
            seconds = count(0, 7)
            world = World(
                Options(leads=40, rate_limit=1_000_000, archived_campaigns=1), lambda: START + next(seconds)
            )
            self._app = create_app(world.options, world=world)
            client = self._app.test_client()
            for name in ("one", "two"):
                body = {"name": name, "messageBody": "Hello"}
                assert (
                    client.post("/api/v2/dm-templates", json=body, headers=bearer("ctgo_a")).status_code
                    == 201
                )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._app(environ, start_response)


def known(name: str, values: list[Any]) -> dict[str, Any]:
    return {name: {"values": values}}


def often(dictionary: str) -> dict[str, Any]:
    return {"dictionary": dictionary, "probability": 0.7}


APP = Renewed()
CONFIG = Config.from_dict(
    {
        "seed": 1,
        "generation": {
            "max-examples": EXAMPLES,
            "deterministic": True,
            "database": "none",
            "allow-extra-parameters": False,  # unknown ones are ignored, as the vendor's pages do not forbid them
            "with-security-parameters": False,
        },
        # What is well-formed may still be refused, with an error that the document names.
        "checks": {"positive_data_acceptance": {"enabled": False}},
        "dictionaries": {
            **known("streams", [14, 15, 16]),
            **known("leads", [90_211, 90_215, 90_220]),
            **known("accounts", [3, 8, 11, 12]),
            **known("segments", [4, 6, 9, 10, 13]),
            **known("runs", [401, 402, 403]),
            **known("templates", [1, 2]),
            **known("zones", ["UTC", "Europe/Paris"]),
            **known("handles", ["northwindlabs", "@newcomer", "locked_larry", "nobody_here"]),
        },
        "parameters": {
            "path.streamId": often("streams"),
            "path.leadId": often("leads"),
            "path.accountId": often("accounts"),
            "path.runId": often("runs"),
            "path.templateId": often("templates"),
            "body.accountId": often("accounts"),
            "body.segmentId": often("segments"),
            "body.handle": often("handles"),
            "body.timezone": often("zones"),
            "body.pairs[*].accountId": often("accounts"),
            "body.pairs[*].segmentId": often("segments"),
            "body.pairs[*].accountHandle": often("handles"),
        },
    }
)
schema = schemathesis.openapi.from_wsgi("/api/v2/openapi.json", APP, config=CONFIG)


@schema.parametrize()
def test_every_answer_is_one_that_the_document_promises(case: Case[Any]) -> None:
    APP.renew(case.operation.label)
    case.call_and_validate(headers=bearer("ctgo_fuzz"))


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"{", b"[" * 100_000, b'{"pairs":' * 50_000, b"9" * 5_000, b"NaN", b"null", b'"x"', b"[]"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/streams"),
        ("PATCH", "/streams/14"),
        ("POST", "/segments"),
        ("POST", "/accounts/3/change-tier"),
        ("POST", "/leads/90211/enrich"),
        ("POST", "/dm-templates"),
        ("PUT", "/notification-settings"),
        ("POST", "/lookups/enrich"),
        ("POST", "/webhooks/subscribe"),
        ("DELETE", "/webhooks/subscribe"),
        ("POST", "/leads/90211/feedback"),
    ],
)
def test_a_body_that_is_no_object_is_400_in_the_documented_form(method: str, path: str, body: bytes) -> None:
    APP.renew("bodies")
    answer = APP._app.test_client().open(
        f"/api/v2{path}", method=method, data=body, headers=bearer("ctgo_a"), content_type="application/json"
    )
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_body")


@pytest.mark.parametrize("path", ["/streams/" + "9" * 5_000, "/streams/٣", "/streams/-1", "/streams/1.0"])
def test_an_id_that_is_no_number_is_404(path: str) -> None:
    APP.renew("ids")
    answer = APP._app.test_client().get(f"/api/v2{path}", headers=bearer("ctgo_a"))
    assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
