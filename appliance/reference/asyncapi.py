"""Generates the AsyncAPI 3 document of the MQTT interface."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance import __version__
from appliance.reference.schemas import schemas
from appliance.reference.wire import CHANNELS, Channel, Direction

BINDING = {"bindingVersion": "0.2.0"}

DESCRIPTION = """\
What the appliance publishes and takes over MQTT 5 or 3.1.1. mqtt.md says the same in prose.
"""


def document() -> dict[str, Any]:
    """Return the document, ready for JSON."""
    own, components = schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Offline voice and small-language-model appliance",
            "version": __version__,
            "description": DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}:{port}",
                "protocol": "mqtt",
                "protocolVersion": "5.0",
                "description": "The broker that config.toml names.",
                "variables": {
                    "host": {"default": "localhost"},
                    "port": {"default": "1883", "description": "8883 with TLS."},
                },
            }
        },
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {channel.name: _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {channel.name: _message(channel, own) for channel in CHANNELS},
            "schemas": components,
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    parameters = {
        "root": {"description": "The configuration key mqtt.root.", "default": "appliance/kitchen"}
    }
    for level, example in channel.levels:
        parameters[level] = {"description": f"For example {example}.", "default": example}
    return {
        "address": f"{{root}}/{channel.topic}",
        "description": channel.summary,
        "parameters": parameters,
        "messages": {channel.name: {"$ref": f"#/components/messages/{channel.name}"}},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    reference = f"#/channels/{channel.name}"
    operation: dict[str, Any] = {
        "action": "send" if channel.direction is Direction.OUT else "receive",
        "channel": {"$ref": reference},
        "messages": [{"$ref": f"{reference}/messages/{channel.name}"}],
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, **BINDING}},
    }
    if channel.direction is Direction.IN:
        operation["reply"] = {
            "address": {
                "description": "The Response Topic of MQTT 5, or the field reply_to.",
                "location": "$message.header#/responseTopic",
            },
            "channel": {"$ref": "#/channels/response"},
        }
    return operation


def _message(channel: Channel, own: dict[str, Any]) -> dict[str, Any]:
    text = not issubclass(channel.payload, msgspec.Struct)
    plain = f" The payload may also be {channel.plain}." if channel.plain else ""
    message = {
        "name": channel.name,
        "contentType": "text/plain" if text else "application/json",
        "summary": f"{channel.summary}{plain}",
        "payload": own[channel.payload.__name__],
        "examples": [{"name": channel.name, "payload": example_json(channel)}],
    }
    if channel.direction is Direction.IN:
        message["correlationId"] = {
            "description": "The Correlation Data of MQTT 5, or the field transaction.",
            "location": "$message.header#/correlationData",
        }
    return message


def example_json(channel: Channel) -> Any:
    """Return the example as JSON values; a request without the fields that have their default."""
    example = msgspec.json.decode(msgspec.json.encode(channel.example))
    if channel.direction is Direction.OUT:
        return example
    fields = msgspec.structs.fields(channel.example)
    defaults = {field.name: field.default for field in fields}
    return {key: value for key, value in example.items() if value != defaults[key]}
