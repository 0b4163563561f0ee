"""Writes mqtt.md and asyncapi.json in docs/reference: `python -m appliance.reference.page docs`."""

from __future__ import annotations

import json
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from appliance.journal.dead_letters import KEPT
from appliance.journal.inbox import ANSWERS_KEPT, ANSWERS_KEPT_S
from appliance.messages.request_body import MAXIMUM_TEXT_BYTES
from appliance.messages.request_payloads import CONFIRM_WITHIN_S
from appliance.reference.asyncapi import document, example_json
from appliance.reference.schemas import schemas
from appliance.reference.wire import CHANNELS, PUBLISHED, RECEIVED, ROOT, Channel

NUMBERS = {
    "answers_kept_minutes": f"{ANSWERS_KEPT_S / 60:.0f}",
    "answers_kept": f"{ANSWERS_KEPT}",
    "dead_letters": f"{KEPT}",
    "confirm_seconds": f"{CONFIRM_WITHIN_S:g}",
    "text_bytes": f"{MAXIMUM_TEXT_BYTES}",
    "root": ROOT,
}


def files() -> dict[str, str]:
    """Return the text of each generated file, by its path below docs."""
    return {
        "reference/asyncapi.json": json.dumps(document(), indent=2, ensure_ascii=False) + "\n",
        "reference/mqtt.md": page(),
    }


def page() -> str:
    """Return the page mqtt.md; its prose is in page.md, next to this file."""
    prose = resources.files("appliance.reference").joinpath("page.md").read_text("utf-8")
    parts = NUMBERS | {
        "topics_out": _table(PUBLISHED),
        "topics_in": _table(RECEIVED),
        "examples": "\n".join(map(_example, CHANNELS)),
        "fields": "\n".join(_fields_of(*named) for named in schemas()[1].items()),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match.group(1)], prose)


def _table(channels: tuple[Channel, ...]) -> str:
    lines = ["| topic | payload | QoS | retained | meaning |", "|---|---|---|---|---|"]
    for channel in channels:
        kind = channel.payload.__name__
        payload = f"[{kind}](#{kind.lower()})" + (f", or {channel.plain}" if channel.plain else "")
        retained = "yes" if channel.retain else ""
        words = f"`{channel.topic}` | {payload} | {channel.qos} | {retained} | {channel.summary}"
        lines.append(f"| {words} |")
    return "\n".join(lines)


def _example(channel: Channel) -> str:
    payload = example_json(channel)
    text = payload if isinstance(payload, str) else json.dumps(payload, indent=2)
    language = "text" if isinstance(payload, str) else "json"
    return f"`{channel.example_topic}`\n\n```{language}\n{text}\n```\n"


def _fields_of(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}", "", schema.get("description", ""), ""]
    if "enum" in schema:
        lines.append(", ".join(f"`{word}`" for word in schema["enum"]))
        return "\n".join([*lines, ""])
    lines += ["| field | type | meaning |", "|---|---|---|"]
    required = schema.get("required", ())
    for field, one in schema.get("properties", {}).items():
        needed = ", required" if field in required else ""
        words = one.get("description", "").replace("|", "\\|")
        lines.append(f"| `{field}` | {_type_of(one)}{needed} | {words} |")
    return "\n".join([*lines, ""])


def _type_of(schema: dict[str, Any]) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_type_of(schema['items'])}"
    return f"{schema.get('type', 'anything')}{_bounds(schema)}"


def _bounds(schema: dict[str, Any]) -> str:
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "maxLength": "up to",
    }
    bounds = [f"{word} {schema[key]:g}" for key, word in words.items() if key in schema]
    return f" {' '.join(bounds)}" if bounds else ""


if __name__ == "__main__":
    for name, text in files().items():
        Path(sys.argv[1], name).write_text(text, encoding="utf-8")
