"""What a question of `appliance check` is asked about, and what it answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from appliance.config import Config


class Verdict(enum.StrEnum):
    """How bad an answer is."""

    OK = "ok"
    WARNING = "warning"
    """The appliance works, but not as well as it could, or not for long."""
    ERROR = "error"
    """The appliance does not start, or something that the config asks for does not work."""
    NOT_HERE = "not here"
    """This board or this set-up lacks what the question is about."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `appliance check`; part of its JSON."""

    question: str
    verdict: Verdict
    found: str
    """What is so, in a few words."""
    advice: str | None = None
    """What the owner does next; None where there is nothing to do."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON document."""

    ok: bool
    errors: int
    warnings: int
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Place:
    """The appliance that is examined, and the board that it lives on."""

    config: Config
    root: Path = Path("/")
    """Below it lie /sys and /proc of the board."""
    daemon: int | None = None
    """The process id of the appliance that runs with this state directory."""


def ok(question: str, found: str) -> Answer:
    return Answer(question=question, verdict=Verdict.OK, found=found)


def warning(question: str, found: str, advice: str | None = None) -> Answer:
    return Answer(question=question, verdict=Verdict.WARNING, found=found, advice=advice)


def error(question: str, found: str, advice: str | None = None) -> Answer:
    return Answer(question=question, verdict=Verdict.ERROR, found=found, advice=advice)


def not_here(question: str, found: str, advice: str | None = None) -> Answer:
    return Answer(question=question, verdict=Verdict.NOT_HERE, found=found, advice=advice)


def report_of(answers: list[Answer], *, warnings_are_errors: bool = False) -> Report:
    """All of them, counted."""
    errors = sum(answer.verdict is Verdict.ERROR for answer in answers)
    warnings = sum(answer.verdict is Verdict.WARNING for answer in answers)
    good = not errors and not (warnings_are_errors and warnings)
    return Report(ok=good, errors=errors, warnings=warnings, answers=answers)
