"""Names come from three lists, whose shapes are open: a row that is missed costs a name, a list that is none is a failure."""

from typing import Any

import pytest

from syncd.ctgo import Named
from tests.ctgo.remote import Recorder, answering, failure_of, upstream


@pytest.mark.parametrize(
    ("kind", "body", "names"),
    [
        ("stream", {"streams": [{"id": 14, "name": "Founders"}, {"id": 15}]}, {14: "Founders", 15: None}),
        ("stream", [{"id": 14, "name": " "}], {14: None}),
        ("segment", {"segments": [{"id": 6, "name": None, "description": "Indie founders"}]}, {6: "Indie founders"}),
        ("segment", {"data": [{"id": 6, "name": "Founders", "description": "x"}]}, {6: "Founders"}),
        ("account", {"active": [{"id": 3, "xHandle": "@north"}], "sleeping": [{"id": 4, "xHandle": "south"}]}, {3: "north", 4: "south"}),
        ("account", {"active": []}, {}),
        ("account", [{"accountId": 3, "xHandle": 7}], {3: None}),
        ("stream", {"streams": [{"id": 0}, {"id": "7"}, {"id": True}, {"id": 2**70}, None, "x", {"id": 9}]}, {9: None}),
        ("stream", b'[{"id": 9, "name": "half \\ud83d of it", "score": NaN}, NaN]', {9: "half \ufffd of it"}),
    ],
)  # fmt: skip
def test_names_are_read_wherever_the_list_is(kind: Named, body: Any, names: dict[int, str | None]) -> None:
    assert answering(200, body).names(kind) == names


@pytest.mark.parametrize("body", [{}, {"streams": None}, "text", 7, b"<html>", b"", {"leads": []}])
@pytest.mark.parametrize("kind", ["stream", "segment", "account"])
def test_what_is_no_list_is_a_failure_and_not_an_empty_list(kind: Named, body: Any) -> None:
    assert failure_of(lambda: answering(200, body).names(kind)).code == "unexpected_answer"


def test_archived_segments_are_asked_for_too() -> None:
    far = Recorder(200, {"segments": []})
    upstream(far).names("segment")
    assert (far.seen[0]["PATH_INFO"], far.seen[0]["QUERY_STRING"]) == (
        "/api/v2/segments",
        "excludeArchived=false",
    )
