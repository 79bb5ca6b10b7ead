"""Defects of the connector for webhooks: whom it believes."""

from typing import Any

from tests.proof.defects.planting import around, defect


@defect(
    "I-10",
    "connectors",
    "tests/connectors/webhook/test_webhook_sending.py::test_a_firewall_that_dislikes_one_lead_holds_no_other_up",
)
def a_webhook_believes_a_firewall() -> None:
    """A 403 halts the lane, and each probe tries the lead that causes it."""

    def make(plain: Any) -> Any:
        return {**plain, "403": plain["401"]}

    around("connectors.webhook.options:FAILURES.table", make)
