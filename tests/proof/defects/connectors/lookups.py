"""Defects of what CTGO is asked for once, by a person."""

from typing import Any

from tests.proof.defects.planting import around, defect


@defect(
    "what CTGO made is known",
    "contract",
    "tests/contract/test_client_on_simulator.py::test_the_client_asks_for_every_endpoint_and_understands_the_answer",
)
def a_segment_that_was_made_has_no_number() -> None:
    """The segment that CTGO made of a text cannot be found among the others, and would be made again."""

    def make(plain: Any) -> Any:
        return lambda self, *given: plain(self, *given).model_copy(update={"id": None})

    around("syncd.ctgo.campaigns.leads:LookupsApi.segment_from", make)
