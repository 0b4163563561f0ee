"""The requester's schema, with limits added and no undeclared properties.

JSON that fits it fits the requester's schema, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    IsValid = Callable[[Any, Any], bool]
    """Whether a value fits a schema."""

LONGEST_STRING = 400
"""Characters of a string whose schema has no limit: a small model may repeat itself for ever."""

LARGEST_NUMBER = 10**15
"""Limit of a whole number whose schema has none; some JSON readers round longer numbers."""

LONGEST_SPAN = 8
"""Maximum number of consecutive words of the text that may form a value."""

MOST_SPANS = 2_000
"""Maximum number of possible values of one string, so that the grammar stays small."""

_LETTERS = re.compile(r"\w+")
_WORD = re.compile(r"[^\s]+")
_EDGES = " \t\n.,;:!?\"'()[]{}«»„“”"
_ENDS = (".", "!", "?", ";", ":", ",")
_NUMBER = re.compile(r"(?<![\w.,:/-])-?(?:0|[1-9]\d*)(?:[.,]\d+)?(?![\d:/])")

INSIDE = ("items",)
LISTS = ("anyOf", "oneOf", "prefixItems")
NAMED = ("properties", "$defs", "definitions")


def bounded(schema: Any) -> Any:
    """The schema with missing limits added and undeclared properties forbidden.

    Parts of an `allOf` stay as they are: they see each other's properties.
    """
    if not isinstance(schema, dict):
        return schema
    found = _with_parts(schema, bounded)
    kinds = _kinds(schema)
    if "string" in kinds and not {"pattern", "format", "enum", "const"} & schema.keys():
        found.setdefault("maxLength", max(LONGEST_STRING, schema.get("minLength", 0)))
    if "integer" in kinds and not {"enum", "const", "multipleOf"} & schema.keys():
        if not {"minimum", "exclusiveMinimum"} & schema.keys():
            found["minimum"] = min(-LARGEST_NUMBER, schema.get("maximum", 0))
        if not {"maximum", "exclusiveMaximum"} & schema.keys():
            found["maximum"] = max(LARGEST_NUMBER, schema.get("minimum", 0))
    open_ = {"additionalProperties", "patternProperties", "unevaluatedProperties", "allOf", "$ref"}
    if "properties" in schema and not open_ & schema.keys() and _may_be_closed(schema):
        found["additionalProperties"] = False
    return found


def _may_be_closed(schema: dict[str, Any]) -> bool:
    """Whether all required properties of an object are declared."""
    named = schema["properties"]
    required = schema.get("required", [])
    more = {"anyOf", "oneOf", "minProperties", "dependentRequired", "dependentSchemas", "if"}
    return set(required) <= set(named) and not more & schema.keys()


def extracting(schema: Any, text: str, is_valid: IsValid) -> Any:
    """The schema with strings and numbers limited to those in the text.

    Of declared alternatives (`enum`), those that the text names are kept, if it names any. A
    property without a value in the text is left out if it is optional, or null if the schema allows
    it.

    Raises:
        ValueError: something required has no value in the text.

    """
    if not isinstance(schema, dict):
        return schema
    if "enum" in schema:
        return _named_in(schema, text)
    kinds = _kinds(schema)
    if kinds & {"string", "number", "integer"}:
        return _with_values(schema, kinds, text, is_valid)
    found = _with_parts(schema, lambda part: extracting(part, text, is_valid), but="properties")
    if isinstance(named := schema.get("properties"), dict):
        found["properties"] = dict(_properties(named, schema, text, is_valid))
        found["additionalProperties"] = False
    return found


def _properties(
    named: dict[str, Any], schema: dict[str, Any], text: str, is_valid: IsValid
) -> Iterator[tuple[str, Any]]:
    for name, part in named.items():
        try:
            yield name, extracting(part, text, is_valid)
        except ValueError:
            if name in schema.get("required", []):
                raise ValueError(f"the text has no value for {name!r}") from None


def _with_values(
    schema: dict[str, Any], kinds: set[str], text: str, is_valid: IsValid
) -> dict[str, Any]:
    values: list[Any] = []
    if kinds & {"number", "integer"}:
        values += [one for one in numbers_in_text(text) if is_valid(schema, one)]
    if "string" in kinds:
        values += [span for span in spans(text) if is_valid(schema, span)][:MOST_SPANS]
    if "null" in kinds:
        values.append(None)
    if not values:
        raise ValueError("the text has no such value")
    return {"enum": values}


def _named_in(schema: dict[str, Any], text: str) -> dict[str, Any]:
    said = _spaced(text)
    named = [value for value in schema["enum"] if _spaced(str(value)) in said]
    return {**schema, "enum": named} if named else schema


def _spaced(text: str) -> str:
    return f" {' '.join(_LETTERS.findall(text.casefold()))} "


def numbers_in_text(text: str) -> list[int | float]:
    """The numbers in digits in the text, each once."""
    found: dict[int | float, None] = {}
    for match in _NUMBER.finditer(text):
        value = float(match[0].replace(",", "."))
        found[int(value) if value.is_integer() else value] = None
    return list(found)


def spans(text: str) -> list[str]:
    """The runs of words of the text, without the punctuation around them, each once.

    No run crosses the end of a sentence or a comma.
    """
    words = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    found: dict[str, None] = {}
    for first, (begin, _) in enumerate(words):
        for start, end in words[first : first + LONGEST_SPAN]:
            found[text[begin:end].strip(_EDGES)] = None
            if text[start:end].endswith(_ENDS):
                break
    found.pop("", None)
    return list(found)


def _kinds(schema: dict[str, Any]) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _with_parts(
    schema: dict[str, Any], change: Callable[[Any], Any], but: str = ""
) -> dict[str, Any]:
    """The schema with `change` done to each schema inside it, but for what is kept by `but`."""
    found = dict(schema)
    for key in INSIDE:
        if key in schema:
            found[key] = change(schema[key])
    for key in LISTS:
        if isinstance(schema.get(key), list):
            found[key] = [change(part) for part in schema[key]]
    for key in NAMED:
        if key != but and isinstance(schema.get(key), dict):
            found[key] = {name: change(part) for name, part in schema[key].items()}
    return found
