"""Home Assistant's own responses to its intents, in each of its languages, as templates."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from appliance.sentences.home_assistant_builtins import builtin_data

if TYPE_CHECKING:
    from jinja2 import Template

FALLBACK = "en"


def response(language: str, intent: str, key: str = "default", **values: Any) -> str:
    """The response to an intent; `values` are what its template reads.

    The English one if the language has none, and "" if no language has it.
    """
    return _first("intents", language, f"{intent}/{key}", values)


def has_response(language: str, intent: str, key: str) -> bool:
    """Whether the language itself has this response to the intent."""
    codes = (language, language.partition("-")[0])
    return any(_template("intents", code, f"{intent}/{key}") is not None for code in codes)


def error_response(language: str, key: str, **values: Any) -> str:
    """The answer if an intent cannot be carried out, such as `timer_not_found`."""
    return _first("errors", language, key, values)


def _first(kind: str, language: str, name: str, values: dict[str, Any]) -> str:
    for one in dict.fromkeys((language, language.partition("-")[0], FALLBACK)):
        template = _template(kind, one, name)
        if template is not None:
            try:
                return " ".join(template.render(values).split())
            except TemplateError:
                continue  # it reads a value that this version does not know
    return ""


@functools.cache
def _template(kind: str, language: str, name: str) -> Template | None:
    found: Any = builtin_data(language).get("responses", {}).get(kind, {})
    for step in name.split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, str):
        return None
    # The package is trusted; the sandbox is an additional protection.
    return ImmutableSandboxedEnvironment(autoescape=False).from_string(found)
