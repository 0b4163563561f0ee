"""Answers under a JSON Schema: valid, or an error; never anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import EngineError
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

LAMP = {
    "type": "object",
    "properties": {
        "room": {"enum": ["kitchen", "bedroom"]},
        "on": {"type": "boolean"},
        "percent": {"type": "integer", "minimum": 0, "maximum": 100},
    },
    "required": ["room", "on", "percent"],
    "additionalProperties": False,
}


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def model(models_directory: Path) -> Iterator[Llama]:
    path = next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))
    llama = Llama(ServerLauncher(path, LanguageModelSettings(maximum_json_tokens=80), threads=1))
    yield llama
    llama.close()


def ask(model: Llama, schema: Any, text: str = "Make the kitchen light half bright.") -> str:
    return model.complete(Question((text,), schema=schema), never).text


@pytest.mark.parametrize(
    "schema",
    [
        LAMP,
        {"enum": ["yes", "no"]},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        {"type": "string", "maxLength": 12},
        {"type": "boolean"},
        {"$defs": {"n": {"type": "integer"}}, "anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]},
        {"type": "object", "properties": {"über": {"const": "ü"}}, "required": ["über"]},
    ],
)
def test_the_answer_matches_the_schema(model: Llama, schema: dict[str, Any]) -> None:
    jsonschema.validate(json.loads(ask(model, schema)), schema)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "nonsense"}, "not a JSON Schema: schema.type: 'nonsense' is not one of"),
        ({"properties": 5}, "not a JSON Schema: schema.properties: 5 is not of type 'object'"),
        ({"anyOf": [{}, {"type": "x"}]}, r"schema.anyOf\[1\].type: 'x' is not one of"),
        ("a text", "not a JSON Schema"),
        (False, "cannot be met: false allows nothing"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "cannot be met"),
        ({"$ref": "https://example.org/schema.json"}, "external \\$ref .* is not allowed"),
        ({"$ref": "#/nowhere"}, "cannot be met"),
        ({"type": "array", "items": {"const": "long " * 9}, "minItems": 90}, "not complete"),
    ],
)
def test_an_invalid_schema_or_one_that_cannot_be_met_is_an_error(
    model: Llama, schema: Any, reason: str
) -> None:
    with pytest.raises(EngineError, match=reason):
        ask(model, schema)


def test_after_a_bad_schema_the_next_request_is_served_by_the_same_process(model: Llama) -> None:
    ask(model, LAMP)
    before = model.process_id
    with pytest.raises(EngineError):
        ask(model, {"type": "nonsense"})
    assert json.loads(ask(model, LAMP))["room"] in ("kitchen", "bedroom")
    assert model.process_id == before


@pytest.mark.parametrize("depth", [300, 3000])
def test_a_schema_that_is_nested_too_deeply_costs_no_process(model: Llama, depth: int) -> None:
    ask(model, LAMP)
    before, schema = model.process_id, dict[str, Any](LAMP)
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    with pytest.raises(EngineError, match="nested too deeply"):
        ask(model, schema)
    assert json.loads(ask(model, LAMP))["room"] in ("kitchen", "bedroom")
    assert model.process_id == before


def test_no_more_tokens_are_written_than_the_context_holds(models_directory: Path) -> None:
    path = next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))
    model = Llama(ServerLauncher(path, LanguageModelSettings(context_tokens=256), threads=1))
    try:
        question = Question(("Count from one to five thousand.",), maximum_tokens=10_000)
        assert model.complete(question, never).generated_tokens < 256
    finally:
        model.close()
