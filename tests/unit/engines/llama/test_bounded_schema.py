"""The schema that the model writes by: bounded, and with values of the text alone."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from appliance.engines.llama.bounded_schema import bounded, extracting, numbers_in_text, spans

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 18},
        "side": {"enum": ["left", "right"]},
    },
    "required": ["name"],
}


def fits(schema: Any, value: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def test_no_property_is_added_unless_the_schema_asks_for_others() -> None:
    assert bounded(PERSON)["additionalProperties"] is False
    assert bounded({**PERSON, "additionalProperties": True})["additionalProperties"] is True
    assert "additionalProperties" not in bounded({**PERSON, "required": ["other"]})
    assert "additionalProperties" not in bounded({**PERSON, "minProperties": 5})


def test_strings_and_whole_numbers_have_a_limit_but_their_own_counts() -> None:
    assert not fits(bounded({"type": "string"}), "a" * 1000)
    assert fits(bounded({"type": "string", "minLength": 900}), "a" * 900)
    assert bounded({"type": "string", "maxLength": 5})["maxLength"] == 5
    assert not fits(bounded({"type": "integer"}), 10**30)
    assert fits(bounded({"type": "integer", "minimum": 10**20}), 10**20)
    inside = bounded({"type": "array", "items": {"type": "string"}})
    assert not fits(inside, ["a" * 1000])


def test_what_fits_the_bounded_schema_fits_the_own_one() -> None:
    for value in ({"name": "x"}, {"name": "x", "age": 20}, {"name": "x", "age": 2}, {}):
        if fits(bounded(PERSON), value):
            assert fits(PERSON, value)


def test_strings_and_numbers_are_those_of_the_text() -> None:
    schema = extracting(PERSON, "Ann is 34 years, not 12. She stands on the left.", fits)
    assert fits(schema, {"name": "Ann", "age": 34, "side": "left"})
    assert not fits(schema, {"name": "Bob"})
    assert not fits(schema, {"name": "Ann", "age": 35})
    assert not fits(schema, {"name": "Ann", "age": 12})
    assert not fits(schema, {"name": "Ann", "side": "right"})
    assert not fits(schema, {"name": "Ann", "phone": "555"})


def test_what_the_text_does_not_have_is_left_out_null_or_an_error() -> None:
    text = "Ann stands there"
    assert "age" not in extracting(PERSON, text, fits)["properties"]
    with pytest.raises(ValueError, match="'age'"):
        extracting({**PERSON, "required": ["age"]}, text, fits)
    maybe = {
        "type": "object",
        "properties": {"age": {"type": ["integer", "null"]}},
        "required": ["age"],
    }
    schema = extracting(maybe, text, fits)
    assert fits(schema, {"age": None})
    assert not fits(schema, {"age": 3})


def test_numbers_are_not_parts_of_times_dates_and_telephone_numbers() -> None:
    text = "At 19:30 on 03/04/2026 call 0171-555 for 6 boxes of 2,5 kg at -4 degrees"
    assert {6, 2.5, -4} <= set(numbers_in_text(text))
    assert {19, 30, 3, 4, 2026, 171}.isdisjoint(numbers_in_text(text))


def test_a_span_has_no_punctuation_around_it_and_ends_with_its_sentence() -> None:
    found = spans("Call Ann. Bring (two) bags, please")
    assert {"Call Ann", "Ann", "two", "Bring (two) bags"} <= set(found)
    assert not any("Ann. Bring" in one or one.endswith(",") for one in found)
