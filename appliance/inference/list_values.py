"""The form of one list of a sentence file: values, a range, or a wildcard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance.inference import templates

if TYPE_CHECKING:
    from appliance.inference.findings import Findings, Placed

RANGE_TYPES = ("number", "percentage", "temperature")
FRACTIONS = (None, "halves", "tenths")


def check_list(placed: Placed, name: str, findings: Findings) -> bool:
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


def _check_values(placed: Placed, name: str, findings: Findings) -> None:
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
        templates.read(text)
    except templates.TemplateError as error:
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
    if not found and given["from"] > given["to"]:
        found.append(("to", f"the range ends ({given['to']}) before it begins ({given['from']})"))
    if not found and given.get("step", 1) < 1:
        found.append(("step", f"`step:` is 1 or more, not {given['step']}"))
    if given.get("type", "number") not in RANGE_TYPES:
        found.append(("type", f"`type:` is one of {', '.join(RANGE_TYPES)}"))
    if given.get("fractions") not in FRACTIONS:
        found.append(("fractions", "`fractions:` is halves or tenths"))
    if not given.get("digits", True) and not given.get("words", True):
        found.append(("words", "a number is said in `digits:`, in `words:` or in both"))
    if not isinstance(given.get("multiplier", 1), int | float):
        found.append(("multiplier", f"`multiplier:` is a number, not {given['multiplier']!r}"))
    return found


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
