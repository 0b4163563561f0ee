"""Which JSON Schemas are refused before they are queued."""

from __future__ import annotations

import time
from typing import Any

import pytest

from appliance.errors import RequestError
from appliance.messages.schema_limits import check_schema, pattern_steps, shortest_answer

BILLION = 10**9


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": BILLION, "items": {}},
        {"type": "array", "minItems": BILLION, "items": {"const": 0}},
        {"type": "array", "minItems": 9e99},
        {"type": ["array"], "minItems": 5000, "items": {"type": "integer"}},
        {"type": "string", "minLength": BILLION},
        {"type": "object", "minProperties": BILLION},
        {"type": "object", "required": ["a"], "properties": {"a": {"const": "x" * 9000}}},
        {"allOf": [{"type": "string", "minLength": BILLION}]},
        {"anyOf": [{"type": "string", "minLength": BILLION}, {"type": "array", "minItems": 9000}]},
        {"type": "string", "pattern": "^((a{1000}){1000}){1000}$"},
        {"type": "string", "pattern": "^(a{90}){90}|b$"},
        {"type": "string", "pattern": "(([a-z]{0,99}x){0,99}y)+"},
        {"anyOf": [{"type": "string", "pattern": f"^a{{{n}}}$"} for n in range(900, 920)]},
        {"type": "object", "patternProperties": {"(a{99}){99}": {}}},
        {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(2000)}},
        {"enum": list(range(5000))},
        deep(40),
    ],
)
def test_what_cannot_be_answered_or_takes_long_is_refused_in_milliseconds(schema: Any) -> None:
    began = time.process_time()
    with pytest.raises(RequestError) as caught:
        check_schema(schema, 256)
    assert caught.value.reason == "too_large"
    assert time.process_time() - began < 1.0  # minutes otherwise


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        False,
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        {"type": "array", "minItems": 3, "maxItems": BILLION, "items": {"type": "integer"}},
        {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
        {"type": "string", "pattern": "^(a+)+$", "maxLength": BILLION},
        {"type": "string", "minLength": 200},
        {"anyOf": [{"type": "null"}, {"type": "string", "minLength": BILLION}]},
        {"type": ["null", "string"], "minLength": BILLION},
        {"type": "string", "pattern": "{{[(((", "enum": [1]},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"enum": list(range(500))},
        {"type": 7, "minItems": "many", "required": 3, "enum": "x", "anyOf": {}},
        deep(10),
    ],
)
def test_what_people_write_and_what_is_merely_wrong_is_left_to_the_model(schema: Any) -> None:
    check_schema(schema, 256)


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("", 0),
        ("abc", 3),
        (r"\d\.", 2),
        ("[a-z]]", 2),
        (r"[]\]a]{3}", 3),
        ("a{3}", 3),
        ("a{0,9}", 9),
        ("(a{10}b){10}", 110),
        ("a{,5}", 5),
        ("a{2}{3}", 6),
        ("x{y}", 4),
        ("))((", 2),
    ],
)
def test_the_steps_of_a_pattern(pattern: str, steps: int) -> None:
    assert pattern_steps(pattern) == steps


def test_the_shortest_answer() -> None:
    assert shortest_answer({"type": "array", "minItems": 3, "items": {"const": "ab"}}) == 17
    assert shortest_answer({"type": "object", "required": ["a", "b"]}) == 12
    assert shortest_answer({"type": "string", "minLength": 5}) == 7


@pytest.mark.parametrize(
    "pattern",
    [
        "a{" + "9" * 5000 + "}",
        "(a{" + "9" * 3000 + "}){" + "9" * 1500 + "}",
        "(" * 200 + "a" + "){999999999}" * 200,
        "[" * 60_000,
        "[\\]" * 20_000,
    ],
)
def test_no_pattern_takes_long_or_counts_in_numbers_of_thousands_of_digits(pattern: str) -> None:
    with pytest.raises(RequestError, match="steps"):
        check_schema({"type": "string", "pattern": pattern}, 256)


def test_the_largest_numbers_of_a_schema_are_refused_in_words() -> None:
    inner: dict[str, object] = {"type": "string", "minLength": 1e308}
    for _ in range(20):
        inner = {"type": "array", "minItems": 1e308, "items": inner}
    with pytest.raises(RequestError, match="at least"):
        check_schema(inner, 256)
