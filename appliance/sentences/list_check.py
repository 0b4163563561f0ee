"""Checks one list of a sentence file: values, a range, or a wildcard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance.sentences import template_check
from appliance.sentences.problems import shown
from appliance.values import RANGE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.sentences.problems import LocatedValue, Problems

RANGE_TYPES = ("number", "percentage", "temperature")
FRACTIONS = {"halves": 2, "tenths": 10}
"""Numbers for each whole number."""


def check_list(placed: LocatedValue, name: str, problems: Problems) -> bool:
    """Whether a list can be used; adds what is wrong to `problems`."""
    before = len(problems.errors)
    value = placed.value
    if not isinstance(value, dict):
        what = f"list {{{name}}} must be a mapping with `values:`, `range:` or `wildcard: true`"
        problems.error(placed.document, placed.path, what)
    elif "values" in value:
        _check_values(placed, name, problems)
    elif "range" in value:
        for key, what in _range_problems(value["range"]):
            problems.error(placed.document, (*placed.path, "range", key), f"{{{name}}}: {what}")
    elif value.get("wildcard") is not True:
        what = f"list {{{name}}} must have `values:`, `range:` or `wildcard: true`"
        problems.error(placed.document, placed.path, what)
    return len(problems.errors) == before


def _check_values(placed: LocatedValue, name: str, problems: Problems) -> None:
    values = placed.value["values"]
    if values is None:  # nothing stands below the key
        values = placed.value["values"] = []
    path = (*placed.path, "values")
    if not isinstance(values, list):
        problems.error(placed.document, path, f"`values:` of {{{name}}} must be a list of values")
        return
    for index, value in enumerate(values):
        text, here = value, (*path, index)
        if isinstance(value, dict):
            text, here = value.get("in"), (*path, index, "in")
        problem = _text_problem(text)
        if problem:
            problems.error(placed.document, here, f"{{{name}}}: {problem}")


def _text_problem(text: Any) -> str | None:
    if text is None:
        return "a value must have `in:`, the words that people say"
    if not isinstance(text, str):
        return f"a value must be text, not {shown(text)}"
    try:
        template_check.read(text)
    except template_check.TemplateError as error:
        return str(error)
    return None


def _range_problems(given: Any) -> list[tuple[str, str]]:
    """Key and problem of everything wrong with a range."""
    if not isinstance(given, dict):
        return [("from", "`range:` must be a mapping with `from:` and `to:`")]
    found = [
        (key, f"`{key}:` must be a whole number, not {given.get(key)!r}")
        for key, otherwise in (("from", None), ("to", None), ("step", 1))
        if not _is_whole(given.get(key, otherwise))
    ]
    found += [] if found else _size_problems(given["from"], given["to"], given)
    if given.get("type", "number") not in RANGE_TYPES:
        found.append(("type", f"`type:` must be one of {', '.join(RANGE_TYPES)}"))
    if given.get("fractions") not in (None, *FRACTIONS):
        found.append(("fractions", "`fractions:` must be halves or tenths"))
    if not given.get("digits", True) and not given.get("words", True):
        found.append(("words", "`digits:` and `words:` must not both be false"))
    if not isinstance(given.get("multiplier", 1), int | float):
        found.append(("multiplier", f"`multiplier:` must be a number, not {given['multiplier']!r}"))
    return found


def _size_problems(first: int, last: int, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    step, parts = given.get("step", 1), FRACTIONS.get(str(given.get("fractions")), 1)
    if first > last:
        yield "to", f"`to:` ({last}) must not be less than `from:` ({first})"
    if step < 1:
        yield "step", f"`step:` must be 1 or more, not {step}"
    elif (many := ((last - first) // step + 1) * parts) > RANGE_LIMIT:
        what = f"the range has {many:,} numbers, more than {RANGE_LIMIT:,}; use a larger `step:`"
        yield "to", what


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
