"""JSON Schemas of the payloads, with the docstring of each field as its description."""

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
    """Return the schema of each payload type, mostly a reference, and the shared components."""
    types = list(dict.fromkeys(channel.payload for channel in CHANNELS))
    own, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    for component in components.values():
        if "description" in component:  # since Python 3.13 it comes without its indentation
            component["description"] = inspect.cleandoc(component["description"])
    for kind in _structs(types):
        schema = components[kind.__name__]
        for field, text in _documented(kind).items():
            if field in schema.get("properties", {}):
                schema["properties"][field]["description"] = text
    return {kind.__name__: one for kind, one in zip(types, own, strict=True)}, components


def schema_of(kind: type) -> dict[str, Any]:
    """Return the schema of one payload type, with the components it refers to."""
    own, components = schemas()
    schema: dict[str, Any] = own[kind.__name__]
    return schema | {"components": {"schemas": components}}


def _structs(types: Iterable[Any]) -> list[type]:
    """Return the Structs among the types, and in their fields."""
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
    """Return the docstring of each field, from the class and its base classes."""
    docstrings: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if issubclass(one, msgspec.Struct) and one.__module__.startswith("appliance."):
            docstrings |= _field_docstrings(one)
    return docstrings


def _field_docstrings(kind: type) -> dict[str, str]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101  (it is a class)
    docstrings = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            docstrings[field.target.id] = " ".join(inspect.cleandoc(below.value.value).split())
    return docstrings
