"""Fields that are a variable each are read from a lead in one go, and come out as by the long way."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.connector import Field
from syncd.core.failure import Reject
from syncd.core.lead import Lead, LeadKey, Profile
from syncd.mapping import VARIABLES, FieldMap, Labels, variables
from syncd.mapping.plain_text import LONGEST

FIELDS = FieldMap.compile("sheet", {f"a {name}": Field(value=f"{{{{ {name} }}}}") for name in VARIABLES if name != "raw"})  # fmt: skip
TEXT = st.none() | st.sampled_from(["", " ", "\t\n", "@", "@ ", "a" * LONGEST, "a" * (LONGEST + 1), "ann@b.example"]) | st.text(max_size=8)  # fmt: skip
NUMBER = st.none() | st.integers(0, 2**63 - 1)
LABELS = st.dictionaries(st.integers(0, 3), st.sampled_from(["", " ", "Founders"]))


def outcome(read: Callable[[], object]) -> object:
    try:
        return read()
    except Reject as why:
        return (why.code, why.detail)


@given(st.data())
def test_what_is_read_in_one_go_is_what_the_variables_say(data: st.DataObject) -> None:
    texts = [data.draw(TEXT) for _ in range(7)]
    lead = Lead(
        LeadKey("main", 7, 0, 0), data.draw(NUMBER), data.draw(NUMBER), data.draw(NUMBER), texts[0], texts[1],
        datetime(2026, 6, 11, 7, 15, tzinfo=UTC), None,
        Profile(texts[2], texts[3], texts[4], texts[5], data.draw(NUMBER), texts[6]),
        {"email": data.draw(TEXT), "emailStatus": data.draw(TEXT), "linkedinUrl": data.draw(TEXT)},
    )  # fmt: skip
    labels = Labels(*(data.draw(LABELS) for _ in range(3)))
    enrichment = data.draw(
        st.none() | st.fixed_dictionaries({"linkedin": st.fixed_dictionaries({"url": TEXT})})
    )
    slow = outcome(lambda: FIELDS.evaluate(variables(lead, labels, enrichment, FIELDS.uses, 1e9)))
    assert outcome(lambda: FIELDS.of(lead, labels, enrichment, 1e9)) == slow


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1])
def test_a_text_that_is_too_long_is_refused_in_one_go_as_well(length: int) -> None:
    key, who = LeadKey("main", 7, 0, 0), Profile(bio="b" * length)
    lead = Lead(key, None, None, None, None, None, datetime.now(UTC), None, who, {})
    found = outcome(lambda: FIELDS.of(lead, Labels(), None, None))
    assert isinstance(found, dict) == (length == LONGEST)
