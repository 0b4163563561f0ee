"""Refuses a JSON Schema that no answer can fit, or that takes long to check, before it is queued.

No repetition is expanded, so that the check itself takes milliseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEEPEST = 32
"""Maximum depth of nested values in a schema."""

MOST_VALUES = 1000
"""Maximum number of values in a schema; its validation takes about a millisecond for each."""

MOST_PATTERN_STEPS = 5000
"""Maximum number of characters and classes in a schema's patterns, with repetitions expanded."""

LARGEST = 1_000_000_000
"""Limit of numbers in calculations; the product of a few larger ones would have thousands of
digits."""

LARGEST_DIGITS = 9

CHARACTERS_PER_TOKEN = 16
"""Upper bound of the characters that a token has in JSON, so that no possible schema is refused."""

COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")


def check_schema(schema: Any, maximum_tokens: int) -> None:
    """Refuse a schema whose answers have more than `maximum_tokens`, or that takes long to check.

    Raises:
        RequestError: with the number and its limit.

    """
    values = _count_values(schema)
    if values > MOST_VALUES:
        raise RequestError(
            "too_large", f"the schema has more than {MOST_VALUES} values; send a smaller one"
        )
    steps = sum(map(pattern_steps, _patterns(schema)))
    if steps > MOST_PATTERN_STEPS:
        raise RequestError(
            "too_large",
            f"the patterns of the schema have {steps} steps, with each repetition written out; at "
            f"most {MOST_PATTERN_STEPS} are allowed",
        )
    shortest = shortest_answer(schema)
    if shortest > maximum_tokens * CHARACTERS_PER_TOKEN:
        raise RequestError(
            "too_large",
            f"the schema asks for at least {shortest} characters, which {maximum_tokens} tokens "
            "cannot hold; see language_model.maximum_json_tokens",
        )


def shortest_answer(schema: Any, deep: int = 0) -> int:
    """Minimum number of characters of an answer, without those that a reference requires."""
    if not isinstance(schema, dict) or deep > DEEPEST:
        return 0
    if "const" in schema:
        return len(msgspec.json.encode(schema["const"]))
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return min(len(msgspec.json.encode(one)) for one in schema["enum"])
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    kinds = kinds if isinstance(kinds, list) else []
    lengths = [_shortest_of(kind, schema, deep) for kind in kinds] or [0]
    return max(min(lengths), *_combined(schema, deep))


def _shortest_of(kind: Any, schema: dict[str, Any], deep: int) -> int:
    match kind:
        case "string":
            return 2 + max(_number(schema, "minLength"), _shortest_match(schema.get("pattern")))
        case "array":
            prefix = schema.get("prefixItems")
            first = len(prefix) if isinstance(prefix, list) else 0
            items = _number(schema, "minItems")
            each = 1 + shortest_answer(schema.get("items"), deep + 1)
            return 2 + max(0, items - first) * each
        case "object":
            properties = schema.get("properties")
            properties = properties if isinstance(properties, dict) else {}
            required = schema.get("required")
            required = required if isinstance(required, list) else []
            names = [one for one in required if isinstance(one, str)]
            inside = [
                4 + len(one) + shortest_answer(properties.get(one), deep + 1) for one in names
            ]
            return 2 + max(sum(inside), 5 * _number(schema, "minProperties"))
    return 1


def _combined(schema: dict[str, Any], deep: int) -> Iterable[int]:
    yield 0
    if isinstance(every := schema.get("allOf"), list):
        yield from (shortest_answer(one, deep + 1) for one in every)
    for name in ("anyOf", "oneOf"):
        if isinstance(some := schema.get(name), list) and some:
            yield min(shortest_answer(one, deep + 1) for one in some)


def _number(schema: dict[str, Any], name: str) -> int:
    value = schema.get(name, 0)
    return int(min(value, LARGEST)) if isinstance(value, int | float) and value > 0 else 0


def _count_values(value: Any, deep: int = 0) -> int:
    """A value and all values within it; RequestError if they are too deep."""
    if deep > DEEPEST:
        raise RequestError(
            "too_large", f"the schema has more than {DEEPEST} levels; send a flatter one"
        )
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    return 1 + sum(_count_values(one, deep + 1) for one in inner)


def _patterns(schema: Any) -> Iterable[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _patterns(one)
    elif isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            yield pattern
        if isinstance(named := schema.get("patternProperties"), dict):
            yield from named
        for one in schema.values():
            yield from _patterns(one)


def _shortest_match(pattern: Any) -> int:
    """Length of the shortest match; 0 if a part is optional or there are alternatives."""
    if not isinstance(pattern, str) or re.search(r"[|?*\\\[(]", pattern):
        return 0
    return pattern_steps(pattern)


def pattern_steps(pattern: str) -> int:
    """Number of characters, classes and escapes in a pattern, with repetitions.

    `(a{10}b){10}` has 110. A repetition without a number counts once, {0,9} as often as its end.
    This works for every dialect and does not check validity. A pattern with more characters than
    allowed steps is not read.
    """
    if len(pattern) > MOST_PATTERN_STEPS:
        return len(pattern)
    groups, last, index = [0], 0, 0
    while index < len(pattern):
        character = pattern[index]
        index += 1
        if character == "(":
            groups.append(0)
        elif character == ")" and len(groups) > 1:
            last = groups.pop()
            groups[-1] += last
        elif character == "{" and (count := COUNT.match(pattern, index - 1)):
            times = max(_times(count[1]), _times(count[3]), 1)
            groups[-1] = min(LARGEST, groups[-1] + last * (times - 1))
            last = min(LARGEST, last * times)
            index = count.end()
        elif character not in "|?*+^$":
            index = _end_of_atom(pattern, index - 1)
            last = 1
            groups[-1] += 1
    return sum(groups)


def _times(digits: str) -> int:
    return LARGEST if len(digits) > LARGEST_DIGITS else int(digits or 0)


def _end_of_atom(pattern: str, start: int) -> int:
    """The index after a character, an escape or a class."""
    if pattern[start] == "\\":
        return start + 2
    if pattern[start] == "[":
        found = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL).match(pattern, start)
        return found.end() if found else start + 1
    return start + 1
