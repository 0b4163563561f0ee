"""Errors and warnings about sentence files, with file and line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.sentences import template_check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.sentences.marked_yaml import Document, Path_


class Problems:
    """Errors, which stop the load, and warnings; each with file, line and text."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, int, str]] = []
        self.warnings: list[tuple[str, int, str]] = []

    def error(self, document: Document, path: Path_, what: str) -> None:
        self.errors.append((document.name, document.line(path), what))

    def warn(self, document: Document, path: Path_, what: str) -> None:
        self.warnings.append((document.name, document.line(path), what))

    def lines(self, found: list[tuple[str, int, str]]) -> list[str]:
        """The problems as `file:line: text`, in the order of files and lines, each once."""
        return list(
            dict.fromkeys(f"{file}:{line}: {what}" for file, line, what in sorted(found)),
        )


@dataclass(frozen=True, slots=True)
class LocatedValue:
    """A value of a file, and where it is."""

    document: Document
    path: Path_
    value: Any


def mapping(document: Document, path: Path_, problems: Problems) -> dict[Any, Any]:
    """The mapping at `path`; {} if there is none, or with an error if it is something else."""
    value = document.value
    for key in path:
        value = value.get(key) if isinstance(value, dict) else value[key]
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.error(document, path, f"{path[-1]} must be a mapping (`name: value` lines)")
        return {}
    return value


def check_text(document: Document, path: Path_, text: Any, problems: Problems) -> bool:
    """Whether `text`, at `path`, is a template; adds what is wrong to `problems`."""
    if not isinstance(text, str):
        problems.error(document, path, f"expected text, not {shown(text)}")
        return False
    try:
        template_check.read(text)
    except template_check.TemplateError as error:
        problems.error(document, path, str(error))
        return False
    return True


def shown(value: Any) -> str:
    """A value that should be text, and what to do about it."""
    hint = " (to YAML, on, off, yes and no are booleans)" if isinstance(value, bool) else ""
    return f"{value!r}{hint}; quote it"


def unknown_keys(document: Document, path: Path_, known: Iterable[str], problems: Problems) -> None:
    """Warn of every key at `path` that is not one of `known`."""
    value = document.value
    for key in path:
        value = value[key]
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.warn(document, (*path, key), f"unknown key {key!r} has no effect{hint}")
