import json
import math
from collections.abc import Mapping

import pytest

from syncd.connector import Field
from syncd.core.failure import Reject
from syncd.mapping import VARIABLES, FieldMap, MappingError

VALUES: Mapping[str, object] = dict.fromkeys(VARIABLES) | {
    "id": 90211,
    "handle": "mara_builds",
    "bio": "Shipping\nsmall tools.",
    "follower_count": 4310,
    "x_user_id": "2290114477",
    "raw": {
        "exportedAt": None,
        "tags": ["a", None, "c"],
        "profile": {"bio": "x", "items": 3},
        "upper": "own key",
    },
}


def mapped(text: str, **values: object) -> object:
    """The value of one field, or None if it was left out."""
    fields = FieldMap.compile("crm", {"f": Field(value=text)})
    return fields.evaluate({**VALUES, **values}).get("f")


def refusal(text: str) -> str:
    with pytest.raises(MappingError) as caught:
        FieldMap.compile("crm", {"f": Field(value=text)})
    message = str(caught.value)
    assert message.startswith("crm.fields.f: ")
    assert "\n" not in message
    return message


def rejection(text: str, **values: object) -> str:
    with pytest.raises(Reject) as caught:
        mapped(text, **values)
    assert caught.value.code == "mapping_failed"
    # A traceback would quote the lead.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.detail


@pytest.mark.parametrize("text", ["NEW", "a } b { c", "{single}", "100 %", "{# no comment #}"])
def test_a_text_without_double_braces_is_a_constant(text: str) -> None:
    assert mapped(text) == text


@pytest.mark.parametrize(
    "value", [7, "2290114477", "None", "007", True, False, 0, 1.5, ["a"], {"a": None}, "two\r\nlines "]
)
def test_a_lone_expression_keeps_its_value_and_type(value: object) -> None:
    result = mapped("{{ raw }}", raw=value)
    assert result == value
    assert type(result) is type(value)


def test_a_computed_lone_expression_keeps_its_type() -> None:
    assert mapped("{{ follower_count // 10 }}") == 431
    assert mapped("{{ follower_count > 10 }}") is True
    assert mapped("{{ raw.tags | select('string') }}") == ["a", "c"]


def test_mixed_text_writes_its_parts_one_after_the_other() -> None:
    assert mapped("https://x.com/{{ handle }}") == "https://x.com/mara_builds"
    assert mapped("{{ id }}/{{ follower_count + 1 }}{ }") == "90211/4311{ }"
    assert mapped("{{ follower_count > 1 }}!") == "True!"


@pytest.mark.parametrize(
    "text",
    [
        "{{ email }}",
        "https://x.com/{{ email }}",
        "{{ handle }}{{ email }}",
        "{{ email | upper }}",
        "{{ email.upper() }}",
        "{{ email ~ handle }}",
        "{{ email + 'x' }}",
        "{{ email[:3] }}",
        "{{ email | truncate(3) }}",
        "{{ [handle, email] }}",
        "{{ {'a': email} }}",
        "{{ raw.exportedAt }}",
        "{{ raw.exportedAt ~ 'x' }}",
        "{{ raw.exportedAt | upper }}",
        "{{ raw.foo.bar }}",
        "{{ raw.foo['bar'][0] | lower }}",
        "{{ raw.foo.bar.lower() }}",
        "{{ raw.profile.bio.address }}",
        "{{ raw.tags[9] }}",
        "{{ raw.tags[1] ~ 'x' }}",
        "{{ raw.tags | join('-') }}",
        "{{ raw.tags | map('upper') | list }}",
        "{{ raw.foo | join }}",
        "{{ (handle if email) ~ 'x' }}",
        "{{ none ~ 'x' }}",
        "{{ (none if handle) | upper }}",
    ],
)
def test_a_null_anywhere_inside_leaves_the_field_out(text: str) -> None:
    assert mapped(text) is None


@pytest.mark.parametrize("text", ["", "  ", "{{ bio[:0] }}", "{{ '' }} {{ ' ' }}", "{{ (email or '') }}"])
def test_a_blank_result_is_left_out(text: str) -> None:
    assert mapped(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ email or handle }}", "mara_builds"),
        ("{{ email | default(handle) }}", "mara_builds"),
        ("{{ email | d('x') | upper }}", "X"),
        ("{{ 'a' if email else 'b' }}", "b"),
        ("{{ email is none }}", True),
        ("{{ email == none }}", True),
        ("{{ email != 'verified' }}", True),
        ("{{ email is defined }}", False),
        ("{{ not email }}", True),
        ("{{ raw.exportedAt is none }}", True),
        ("{{ handle is none }}", False),
        ("{{ email in ['a', none] }}", True),
        ("{{ email in raw.tags }}", True),
    ],
)
def test_an_expression_may_ask_whether_something_is_null(text: str, value: object) -> None:
    assert mapped(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ handle.upper() }}", "MARA_BUILDS"),
        ("{{ handle.split('_')[1] }}", "builds"),
        ("{{ handle[:4] }}", "mara"),
        ("{{ handle | replace('_', '-') | title }}", "Mara-Builds"),
        ("{{ raw.profile.items }}", 3),
        ("{{ raw.upper }}", "own key"),
        ("{{ raw.tags | length }}", 3),
        ("{{ raw.tags | first }}", "a"),
        ("{{ raw.profile | tojson }}", json.dumps({"bio": "x", "items": 3})),
        ("{{ 2 ** 10 * 3 % 7 }}", 2**10 * 3 % 7),
        ("{{ '-' * 3 }}", "---"),
    ],
)
def test_what_expressions_can_do(text: str, value: object) -> None:
    assert mapped(text) == value


def test_fields_keep_their_order_and_nulls_are_no_keys() -> None:
    texts = {"z": "{{ id }}", "n": "{{ email }}", "m": "{{ bio | upper }}", "a": "NEW"}
    fields = FieldMap.compile("crm", {name: Field(value=text) for name, text in texts.items()})
    assert list(fields.evaluate(VALUES).items()) == [
        ("z", 90211),
        ("m", "SHIPPING\nSMALL TOOLS."),
        ("a", "NEW"),
    ]


def test_uses_names_just_the_variables_that_are_needed() -> None:
    texts = {"a": "{{ id }}", "b": "x{{ handle }}", "c": "{{ (email or raw.x) | upper }}", "d": "NEW"}
    fields = FieldMap.compile("crm", {name: Field(value=text) for name, text in texts.items()})
    assert fields.uses == {"id", "handle", "email", "raw"}
    assert fields.evaluate({"id": 1, "handle": "h", "email": None, "raw": {}}) == {
        "a": 1,
        "b": "xh",
        "d": "NEW",
    }
    assert FieldMap.compile("crm", {"d": Field(value="NEW")}).evaluate({}) == {"d": "NEW"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ handel }}", "no variable handel: did you mean handle?"),
        ("{{ xUserId }}", "no variable xUserId: did you mean x_user_id?"),
        ("{{ handle if false else (range(3)) }}", "no functions to call"),
        ("{{ range }}", "no variable range"),
        ("{{ self }}", "no variable self"),
        ("{{ bio | uper }}", "no filter uper: did you mean upper?"),
        ("{{ 'a' if id else (bio | center(9)) }}", "no filter center"),
        ("{{ id is odder }}", "no test odder: did you mean odd?"),
        ("{{ handle.uper() }}", "no method .uper(): did you mean upper?"),
        ("{{ handle.replace('a', 'b') }}", "no method .replace(): write | replace"),
        ("{{ handle.format(1) }}", "no method .format()"),
        ("{{ handle.__class__.mro() }}", "no method .mro()"),
        ("{{ profile.bio }}", "no variable profile"),
        ("{{ handle.lower }}", "handle has no part .lower"),
        ("handle", "braces are missing: write {{ handle }}"),
        (" handle ", "braces are missing: write {{ handle }}"),
        ("{ handle }", "braces are missing: write {{ handle }}"),
        ("{% if id %}a{% endif %}", "no {% statements %}"),
        ("{% set id = 3 %}{{ id }}", "no {% statements %}"),
        ("{% raw %}{{ a }}{% endraw %}", "no {% statements %}"),
        ("{{ id", "expected '}}'"),
        ("{{ id id }}", "expected token '}}', got 'id'"),
        ("{{ }}", "Expected an expression, got '}}'"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "nested too deep"),
        ("{{ raw" + ".a" * 3000 + " }}", "nested too deep, or too long a chain"),
        ("{{ id" + " + 1" * 3000 + " }}", "nested too deep, or too long a chain"),
        ("{{ bio" + " | lower" * 3000 + " }}", "nested too deep, or too long a chain"),
        ("{{ " + "not " * 250 + "id }}", "nested too deep"),
        ("{{ " + "9" * 5000 + " }}", "too long a number"),
    ],
)
def test_a_mistake_is_found_when_it_is_compiled(text: str, why: str) -> None:
    assert why in refusal(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ follower_count + 'x' }}", "TypeError"),
        ("{{ 1 // (follower_count - follower_count) }}", "ZeroDivisionError"),
        ("{{ 'x' * 65537 }}", "more than 65536 characters"),
        ("{{ 65537 * 'x' }}", "more than 65536 characters"),
        ("{{ 'x' * 65000 ~ bio * 100 }}", "more than 65536 characters"),
        ("{{ 'x' * 65536 }}y", "more than 65536 characters"),
        ("{{ ('x' * 60000) | replace('x', 'y' * 60000) }}", "replace would give"),
        ("{{ ('x' * 60000) | list | join('y' * 60000) }}", "join would give"),
        ("{{ 9 ** 9 ** 9 ** 9 ** 9 }}", "more than 4096 bits"),
        ("{{ (2 ** 3000) * (2 ** 3000) }}", "more than 4096 bits"),
        ("{{ [raw] * 100 }}", "for numbers and texts"),
        ("{{ '%0999999999d' % 1 }}", "% is for numbers"),
        ("{{ id.upper() }}", ".upper() works on text only"),
        ("{{ (1, 2) }}", "a tuple that no connector can write"),
        ("{{ raw | tojson }}", "TypeError"),
    ],
)
def test_what_a_lead_brings_to_light_rejects_it_and_names_the_field(text: str, why: str) -> None:
    detail = rejection(text, raw={"a": object()})
    assert detail.startswith("field f: ")
    assert why in detail


def test_a_number_that_json_has_no_word_for_is_rejected() -> None:
    for value in (math.nan, math.inf):
        assert "float" in rejection("{{ raw }}", raw=value)


def test_the_guilty_field_is_named_among_others() -> None:
    texts = {"good": "{{ bio | upper }}", "null": "{{ email | upper }}", "bad": "{{ bio + 1 }}"}
    fields = FieldMap.compile("crm", {name: Field(value=text) for name, text in texts.items()})
    with pytest.raises(Reject, match="field bad: it raised TypeError"):
        fields.evaluate(VALUES)


@pytest.mark.parametrize(
    "text", ["{{ raw[bio] + id }}", "{{ bio | list | map(bio) }}", "{{ bio }}{{ bio * 99999 }}"]
)
def test_a_rejection_holds_no_personal_data(text: str) -> None:
    assert "canary" not in rejection(text, bio="canary", raw={"canary": "canary"})


def test_a_null_in_one_field_does_not_empty_the_others() -> None:
    texts = {"a": "{{ bio | upper }}", "b": "{{ email | upper }}", "c": "{{ id + 1 }}"}
    fields = FieldMap.compile("crm", {name: Field(value=text) for name, text in texts.items()})
    assert fields.evaluate(VALUES) == {"a": "SHIPPING\nSMALL TOOLS.", "c": 90212}


@pytest.mark.parametrize(
    "text", ["{{ ''.__class__ }}", "{{ raw.__class__ }}", "{{ raw['__class__'].__mro__ }}"]
)
def test_python_is_out_of_reach(text: str) -> None:
    assert mapped(text) is None


def test_evaluating_changes_nothing() -> None:
    before = json.dumps(VALUES)
    mapped("{{ raw.tags | reverse | list }} {{ raw.tags | sort(attribute='x') if email }}")
    assert json.dumps(VALUES) == before


@pytest.mark.parametrize(
    "text",
    [
        "{{ 1.5 | round(100000000, 'ceil') }}",
        "{{ follower_count | round(-999999999) }}",
        "{{ follower_count | round(id, 'floor') }}",
        "{{ bio" + " | tojson" * 60 + " }}",
        "{{ bio | list | map('replace', 'i', '"
        + "y" * 60000
        + "') | map('replace', 'y', bio * 900) | list | length }}",
        "{{ (bio * 2000) | list | map('replace', 'i', '" + "y" * 60000 + "') | list | length }}",
    ],
)
def test_what_a_filter_gives_is_bounded(text: str) -> None:
    """Each of these had no end, or filled the memory: the first as soon as the configuration was read."""
    with pytest.raises(Reject, match=r"at most|more than"):
        mapped(text)


def test_rounding_within_its_bounds_is_as_ever() -> None:
    assert mapped("{{ 2.567 | round(1) }} {{ id | round(-2, 'floor') | int }}") == "2.6 90200"
