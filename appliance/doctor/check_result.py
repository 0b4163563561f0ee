"""What a question of `appliance check` is asked about, and what it answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from appliance.config import Config


class CheckVerdict(enum.StrEnum):
    """How bad an answer is."""

    OK = "ok"
    WARNING = "warning"
    """The appliance works, but not as well as it could, or not for long."""
    ERROR = "error"
    """The appliance does not start, or something that the config asks for does not work."""
    NOT_HERE = "not here"
    """This board or this set-up lacks what the question is about."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `appliance check`; part of its JSON."""

    question: str
    verdict: CheckVerdict
    found: str
    """What is so, in a few words."""
    advice: str | None = None
    """What the owner does next; None where there is nothing to do."""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON document."""

    ok: bool
    errors: int
    warnings: int
    answers: list[CheckResult]


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The appliance that is examined, and the board that it lives on."""

    config: Config
    root: Path = Path("/")
    """Below it lie /sys and /proc of the board."""
    daemon: int | None = None
    """The process id of the appliance that runs with this state directory."""


def ok(question: str, found: str) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.OK, found=found)


def warning(question: str, found: str, advice: str | None = None) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.WARNING, found=found, advice=advice)


def error(question: str, found: str, advice: str | None = None) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.ERROR, found=found, advice=advice)


def not_here(question: str, found: str, advice: str | None = None) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.NOT_HERE, found=found, advice=advice)


def report_of(answers: list[CheckResult], *, warnings_are_errors: bool = False) -> CheckReport:
    """All of them, counted."""
    errors = sum(answer.verdict is CheckVerdict.ERROR for answer in answers)
    warnings = sum(answer.verdict is CheckVerdict.WARNING for answer in answers)
    good = not errors and not (warnings_are_errors and warnings)
    return CheckReport(ok=good, errors=errors, warnings=warnings, answers=answers)
