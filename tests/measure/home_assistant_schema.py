"""What Home Assistant's MQTT integration takes, read from the source of a release.

Home Assistant needs a newer Python than ours, so its schemas cannot be run in our tests; what
they allow is taken out of its source by this program and kept in tests/fixtures:

    pip download homeassistant==2026.11.0 --no-deps --ignore-requires-python
    python -m tests.measure.home_assistant_schema homeassistant-2026.11.0-*.whl \
        > tests/fixtures/home_assistant.json
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MQTT = "homeassistant/components/mqtt"
PLATFORMS = ("binary_sensor", "button", "event", "notify", "select", "sensor", "switch")
CONSTANTS = ("homeassistant/const.py", f"{MQTT}/const.py")
SCHEMAS = {"config": f"{MQTT}/config.py", "schemas": f"{MQTT}/schemas.py"}


class ReleaseSource:
    """The files of a release, with the constants that they name keys by."""

    def __init__(self, wheel: Path) -> None:
        self._wheel = zipfile.ZipFile(wheel)
        self.names: dict[str, str] = {}
        for path in CONSTANTS:
            self._learn(path)

    def text(self, path: str) -> str:
        return self._wheel.read(path).decode()

    def _learn(self, path: str) -> None:
        constant = re.compile(r"^([A-Z][A-Z_0-9]+)(?:: Final)? = \"([^\"]*)\"$", re.MULTILINE)
        self.names |= dict(constant.findall(self.text(path)))

    def keys(self, path: str) -> dict[str, dict[str, bool]]:
        """By schema's name: its own keys, and whether they are required."""
        self._learn(path)
        found: dict[str, dict[str, bool]] = {}
        # Only the assignments matter, and newer syntax elsewhere must not stop us.
        pattern = r"^(_?[A-Z][A-Z_]*(?:SCHEMA|BASE|MODERN)[A-Z_]*) = (.*\n(?:(?:[ )\]}].*)?\n)*)"
        for name, value in re.findall(pattern, self.text(path), re.MULTILINE):
            found[name] = self._own(ast.parse(value.strip(), mode="eval"), found)
        return found

    def _own(self, tree: ast.AST, known: dict[str, dict[str, bool]]) -> dict[str, bool]:
        """The keys of the outermost dictionaries, and of the schemas that they extend."""
        keys: dict[str, bool] = {}
        queue: list[ast.AST] = [tree]
        while queue:
            node = queue.pop(0)
            if isinstance(node, ast.Name):
                keys |= known.get(node.id, {})
            elif isinstance(node, ast.Dict):  # what stands in its values is another thing's
                keys |= dict(self._marked(node))
            else:
                queue.extend(ast.iter_child_nodes(node))
        return keys

    def _marked(self, node: ast.Dict) -> Iterator[tuple[str, bool]]:
        for key in node.keys:
            if isinstance(key, ast.Call) and isinstance(key.func, ast.Attribute):
                name = ast.unparse(key.args[0])
                otherwise = name.removeprefix("CONF_").lower()
                yield self.names.get(name, otherwise), key.func.attr == "Required"


def taken_from(wheel: Path) -> dict[str, Any]:
    """The document that goes into tests/fixtures."""
    source = ReleaseSource(wheel)
    base = source.keys(SCHEMAS["config"])
    shared = source.keys(SCHEMAS["schemas"])
    common = shared["MQTT_ENTITY_COMMON_SCHEMA"]
    platforms = {}
    for name in PLATFORMS:
        path = f"{MQTT}/{name}.py"
        own = source.keys(path)
        schema = own.get("_PLATFORM_SCHEMA_BASE") or own["PLATFORM_SCHEMA_MODERN"]
        text = source.text(path)
        inherited = next(
            base[kind] for kind in ("MQTT_RO_SCHEMA", "MQTT_RW_SCHEMA", "MQTT_BASE_SCHEMA")
            if f"= {kind}.extend" in text
        )  # fmt: skip
        platforms[name] = dict(sorted((base["SCHEMA_BASE"] | inherited | common | schema).items()))
    return {
        "release": re.findall(r"homeassistant-([\d.]+)-", wheel.name)[0],
        "discovery": shared["DEVICE_DISCOVERY_SCHEMA"],
        "device": shared["_MQTT_DEVICE_INFO_SCHEMA_BASE"],
        "origin": shared["MQTT_ORIGIN_INFO_SCHEMA"],
        "platforms": platforms,
    }


if __name__ == "__main__":
    print(json.dumps(taken_from(Path(sys.argv[1])), indent=1))
