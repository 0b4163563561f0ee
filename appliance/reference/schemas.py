"""JSON Schemas of the payloads, with what the code says of each field."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.reference.wire import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterable

REFERENCE = "#/components/schemas/{name}"


def schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """By payload type: its schema, mostly a reference; and what is referred to, by name."""
    types = list(dict.fromkeys(channel.payload for channel in CHANNELS))
    own, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    for kind in _structs(types):
        schema = components[kind.__name__]
        for field, words in _documented(kind).items():
            if field in schema.get("properties", {}):
                schema["properties"][field]["description"] = words
    return {kind.__name__: one for kind, one in zip(types, own, strict=True)}, components


def schema_of(kind: type) -> dict[str, Any]:
    """The schema of one payload type, complete in itself."""
    own, components = schemas()
    schema: dict[str, Any] = own[kind.__name__]
    return schema | {"components": {"schemas": components}}


def _structs(types: Iterable[Any]) -> list[type]:
    """The Structs among the types, and all that they hold."""
    found: dict[str, type] = {}
    queue = list(types)
    while queue:
        kind = queue.pop()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                queue += [field.type for field in msgspec.structs.fields(kind)]
        else:
            queue += getattr(kind, "__args__", ())
    return list(found.values())


def _documented(kind: type) -> dict[str, str]:
    """The words below each field, in the class and those that it extends."""
    words: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if issubclass(one, msgspec.Struct) and one.__module__.startswith("appliance."):
            words |= _words_below_fields(one)
    return words


def _words_below_fields(kind: type) -> dict[str, str]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101  (it is a class)
    words = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            words[field.target.id] = " ".join(inspect.cleandoc(below.value.value).split())
    return words
