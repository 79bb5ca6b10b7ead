"""What is read without Jinja2 is read as Jinja2 reads it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.mapping.expressions import parse
from syncd.mapping.variables import Variable, plain_parts

PIECES = (
    "{{ handle }}", "{{handle}}", "{{  x_user_id}}", "{{ nobody }}", "{{- id -}}", "{{ id or bio }}", "{{ 'x' }}", "{{\tid }}",
    "{{ raw.bio }}", "{{", "}}", "{", "}", "{#", "#}", "{%", "%}", "# id", "id", " ", "\n", "\r\n", "\r", "é", "https://x.com/",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=6))
def test_what_is_read_as_plain_has_the_parts_that_jinja2_finds(pieces: list[str]) -> None:
    found = plain_parts("".join(pieces))
    if found is None:
        return
    theirs = [
        part if isinstance(part, str) else Variable(str(part.variable)) for part in parse("".join(pieces))
    ]
    assert found == theirs


@pytest.mark.parametrize(
    "text", ["{{ id }}", "{{handle}}", "https://x.com/{{ handle }}", "{{ first_name }} {{ last_name }}"]
)
def test_variables_alone_are_plain(text: str) -> None:
    assert plain_parts(text) is not None


def test_a_connector_of_plain_fields_needs_no_jinja2() -> None:
    code = """
import sys
from syncd.connector import Field
from syncd.mapping import FieldMap, Filter
fields = FieldMap.compile("sheet", {"a": Field(value="{{ handle }}"), "b": Field(value="x/{{ id }}"), "c": Field(value="NEW")})
assert Filter.compile("sheet", " ").accepts_all
print(fields.evaluate({"handle": "mara", "id": 7}), "jinja2" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'a': 'mara', 'b': 'x/7', 'c': 'NEW'} False"
