"""What is found wrong or odd in sentence files, with file and line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.sentences import template_check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.sentences.marked_yaml import Document, Path_


class Problems:
    """What is wrong (errors) and what is odd (warnings), each as `file:line: what`."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, int, str]] = []
        self.warnings: list[tuple[str, int, str]] = []

    def error(self, document: Document, path: Path_, what: str) -> None:
        self.errors.append((document.name, document.line(path), what))

    def warn(self, document: Document, path: Path_, what: str) -> None:
        self.warnings.append((document.name, document.line(path), what))

    def lines(self, found: list[tuple[str, int, str]]) -> list[str]:
        """In the order in which an owner reads files, without doubles."""
        return list(
            dict.fromkeys(f"{file}:{line}: {what}" for file, line, what in sorted(found)),
        )


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A piece of a file, and where it stands."""

    document: Document
    path: Path_
    value: Any


def mapping(document: Document, path: Path_, findings: Problems) -> dict[Any, Any]:
    """The mapping at `path`, {} where there is none or something else stands there."""
    value = document.value
    for key in path:
        value = value.get(key) if isinstance(value, dict) else value[key]
    if value is None:
        return {}
    if not isinstance(value, dict):
        findings.error(document, path, f"{path[-1]} is a mapping (`name: value` lines)")
        return {}
    return value


def check_text(document: Document, path: Path_, text: Any, findings: Problems) -> bool:
    """Whether a template stands at `path`."""
    if not isinstance(text, str):
        hint = " (YAML reads on, off, yes and no so)" if isinstance(text, bool) else ""
        findings.error(document, path, f"text is expected, not {text!r}{hint}; quote it")
        return False
    try:
        template_check.read(text)
    except template_check.TemplateError as error:
        findings.error(document, path, str(error))
        return False
    return True


def unknown_keys(document: Document, path: Path_, known: Iterable[str], findings: Problems) -> None:
    """Warn of every key at `path` that is not one of `known`."""
    value = document.value
    for key in path:
        value = value[key]
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            findings.warn(document, (*path, key), f"{key!r} is not known and has no effect{hint}")
