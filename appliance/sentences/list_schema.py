"""The form of one list of a sentence file: values, a range, or a wildcard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance.sentences import template_check
from appliance.values import MOST_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.sentences.problems import LocatedProblem, Problems

RANGE_TYPES = ("number", "percentage", "temperature")
FRACTIONS = {"halves": 2, "tenths": 10}
"""What each number is parted into."""


def check_list(placed: LocatedProblem, name: str, findings: Problems) -> bool:
    """Whether a list can be used; what is wrong goes into `findings`."""
    before = len(findings.errors)
    value = placed.value
    if not isinstance(value, dict):
        what = f"list {{{name}}} is a mapping with `values:`, `range:` or `wildcard: true`"
        findings.error(placed.document, placed.path, what)
    elif "values" in value:
        _check_values(placed, name, findings)
    elif "range" in value:
        for key, what in _range_problems(value["range"]):
            findings.error(placed.document, (*placed.path, "range", key), f"{{{name}}}: {what}")
    elif value.get("wildcard") is not True:
        what = f"list {{{name}}} needs `values:`, `range:` or `wildcard: true`"
        findings.error(placed.document, placed.path, what)
    return len(findings.errors) == before


def _check_values(placed: LocatedProblem, name: str, findings: Problems) -> None:
    values = placed.value["values"]
    path = (*placed.path, "values")
    if not isinstance(values, list) or not values:
        findings.error(placed.document, path, f"`values:` of {{{name}}} is a list of values")
        return
    for index, value in enumerate(values):
        text, here = value, (*path, index)
        if isinstance(value, dict):
            text, here = value.get("in"), (*path, index, "in")
        problem = _text_problem(text)
        if problem:
            findings.error(placed.document, here, f"{{{name}}}: {problem}")


def _text_problem(text: Any) -> str | None:
    if text is None:
        return "a value needs `in:`, the words to be said"
    if not isinstance(text, str):
        hint = " (YAML reads on, off, yes and no so)" if isinstance(text, bool) else ""
        return f"a value is text, not {text!r}{hint}; quote it"
    try:
        template_check.read(text)
    except template_check.TemplateError as error:
        return str(error)
    return None


def _range_problems(given: Any) -> list[tuple[str, str]]:
    """Key and complaint of everything wrong with a range."""
    if not isinstance(given, dict):
        return [("from", "`range:` is a mapping with `from:` and `to:`")]
    found = [
        (key, f"`{key}:` is a whole number, not {given.get(key)!r}")
        for key, otherwise in (("from", None), ("to", None), ("step", 1))
        if not _is_whole(given.get(key, otherwise))
    ]
    found += [] if found else _size_problems(given["from"], given["to"], given)
    if given.get("type", "number") not in RANGE_TYPES:
        found.append(("type", f"`type:` is one of {', '.join(RANGE_TYPES)}"))
    if given.get("fractions") not in (None, *FRACTIONS):
        found.append(("fractions", "`fractions:` is halves or tenths"))
    if not given.get("digits", True) and not given.get("words", True):
        found.append(("words", "a number is said in `digits:`, in `words:` or in both"))
    if not isinstance(given.get("multiplier", 1), int | float):
        found.append(("multiplier", f"`multiplier:` is a number, not {given['multiplier']!r}"))
    return found


def _size_problems(first: int, last: int, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    step, parts = given.get("step", 1), FRACTIONS.get(str(given.get("fractions")), 1)
    if first > last:
        yield "to", f"the range ends ({last}) before it begins ({first})"
    if step < 1:
        yield "step", f"`step:` is 1 or more, not {step}"
    elif (many := ((last - first) // step + 1) * parts) > MOST_NUMBERS:
        what = f"the range has {many:,} numbers, {MOST_NUMBERS:,} at most; take a larger `step:`"
        yield "to", what


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
