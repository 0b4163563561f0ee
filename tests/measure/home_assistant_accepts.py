"""Our discovery message through the schemas of a Home Assistant, as its MQTT integration runs them,
and our payloads through its templates.

    appliance home-assistant show > message.json
    PYTHON_WITH_HOME_ASSISTANT tests/measure/home_assistant_accepts.py message.json asyncapi.json

Home Assistant needs a newer Python than ours: this file imports nothing of the appliance. Its
schemas drop what they do not know without a word, so a key that is dropped is an error here.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

MQTT = "homeassistant.components.mqtt"


def entities(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The message taken apart as the integration does it, each entity with what all share."""
    schemas = importlib.import_module(f"{MQTT}.schemas")
    discovery = importlib.import_module(f"{MQTT}.discovery")
    found = schemas.DEVICE_DISCOVERY_SCHEMA(message)
    if hasattr(schemas, "validate_device_discovery_components"):
        schemas.validate_device_discovery_components(found)
    for part in (message, message["device"], message["origin"]):
        taken = found if part is message else found[_name_of(part, message)]
        assert set(part) <= set(taken), set(part) - set(taken)
    parts = {}
    for name, component in message["components"].items():
        entity = dict(component)
        discovery._merge_common_device_options(entity, message)
        parts[name] = entity | {"device": message["device"], "origin": message["origin"]}
    return parts


def _name_of(part: dict[str, Any], message: dict[str, Any]) -> str:
    return next(name for name, value in message.items() if value is part)


def shown(taken: dict[str, Any], examples: dict[str, Any]) -> str | None:
    """What the entity would show of an example; None where it shows nothing."""
    if "value_template" not in taken:
        return None
    payload = json.dumps(examples[taken["state_topic"].rpartition("/")[2]])
    template = importlib.import_module(f"{MQTT}.models").MqttValueTemplate
    value = template(taken["value_template"]).async_render_with_possible_json_value(payload)
    return str(value)


def examples_of(document: dict[str, Any]) -> dict[str, Any]:
    """By message: the first example of our AsyncAPI document."""
    messages = document["components"]["messages"].items()
    return {name: message["examples"][0]["payload"] for name, message in messages}


async def check(message: dict[str, Any], examples: dict[str, Any]) -> None:
    """Print each entity with what it shows, and the release; what is not taken is an error."""
    # Templates are compiled for a running one.
    importlib.import_module("homeassistant.core").HomeAssistant(tempfile.gettempdir())
    for name, entity in entities(message).items():
        platform = entity.pop("platform")
        taken = importlib.import_module(f"{MQTT}.{platform}").DISCOVERY_SCHEMA(entity)
        assert set(entity) <= set(taken), (name, set(entity) - set(taken))
        print(f"{platform:14} {name:14} {shown(taken, examples) or ''}")
    release = importlib.import_module("homeassistant.const").__version__
    print(f"Home Assistant {release} takes all {len(message['components'])} entities")


if __name__ == "__main__":
    read = [json.loads(Path(name).read_text()) for name in sys.argv[1:3]]
    asyncio.run(check(read[0], examples_of(read[1])))
