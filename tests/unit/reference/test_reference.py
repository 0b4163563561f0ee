"""The documents about MQTT: current, valid, and with examples that are."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import jsonschema
import pytest

from appliance.reference import asyncapi, page
from appliance.reference.schemas import schema_of
from appliance.reference.wire import CHANNELS, Channel

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", page.files())
def test_the_generated_documents_are_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text("utf-8")
    assert written == page.files()[name], "run script/mqtt-docs and commit what it writes"


def test_the_document_is_asyncapi_3() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library about its own classes
        from asyncapi3.models import AsyncAPI3  # type: ignore[import-untyped]  # noqa: PLC0415

    AsyncAPI3.model_validate(json.loads(json.dumps(asyncapi.document())))


def test_every_reference_in_the_document_can_be_resolved() -> None:
    document = json.loads((DOCS / "reference/asyncapi.json").read_text("utf-8"))

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [one for value in node.values() for one in references(value)]
        if isinstance(node, list):
            return [one for value in node for one in references(value)]
        return []

    found = references(document)
    assert found
    for reference in found:
        there = document
        for step in reference.removeprefix("#/").split("/"):
            there = there[step]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_an_example_conforms_to_the_schema_of_its_topic(channel: Channel) -> None:
    schema = schema_of(channel.payload)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(asyncapi.example_json(channel))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("parse", {"text": 7}),
        ("parse", {"texts": "a typing error"}),
        ("parse", {"text": "a", "priority": 10}),
        ("cancel", {}),
        ("options", {"log_level": "loud"}),
    ],
)
def test_the_schemas_refuse_what_the_appliance_refuses(name: str, wrong: object) -> None:
    (channel,) = (one for one in CHANNELS if one.name == name)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema_of(channel.payload)).validate(wrong)


def test_the_docstring_of_a_field_is_in_the_schema() -> None:
    (channel,) = (one for one in CHANNELS if one.name == "result")
    fields = schema_of(channel.payload)["components"]["schemas"]["Result"]["properties"]
    assert fields["seq"]["description"].startswith("Counts results over reboots")
