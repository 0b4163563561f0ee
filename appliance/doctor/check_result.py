"""The types of `appliance check`: context of a question, answer, report."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from appliance.config import Config


class CheckVerdict(enum.StrEnum):
    """The severity of an answer."""

    OK = "ok"
    WARNING = "warning"
    """The appliance works, but worse than it could, or not for long."""
    ERROR = "error"
    """The appliance does not start, or something that is configured does not work."""
    NOT_HERE = "not here"
    """This board or this installation lacks what the question is about."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `appliance check`; part of its JSON."""

    question: str
    verdict: CheckVerdict
    found: str
    """The finding, in a few words."""
    advice: str | None = None
    """The next step for the owner; None for nothing."""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON document."""

    ok: bool
    errors: int
    warnings: int
    answers: list[CheckResult]


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The configuration, the board and the running appliance that a check looks at."""

    config: Config
    root: Path = Path("/")
    """Root of the board's /sys and /proc."""
    daemon: int | None = None
    """Process id of the appliance that runs with this state directory; None: there is none."""
    model_advice: str = ""
    """The speech model to install; empty if the wanted one is installed."""
    config_path: Path | None = None
    """Path of the configuration; None if it does not matter."""


def ok(question: str, found: str) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.OK, found=found)


def warning(question: str, found: str, advice: str | None = None) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.WARNING, found=found, advice=advice)


def error(question: str, found: str, advice: str | None = None) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.ERROR, found=found, advice=advice)


def not_here(question: str, found: str, advice: str | None = None) -> CheckResult:
    return CheckResult(question=question, verdict=CheckVerdict.NOT_HERE, found=found, advice=advice)


def report_of(answers: list[CheckResult], *, warnings_are_errors: bool = False) -> CheckReport:
    """All answers, counted."""
    errors = sum(answer.verdict is CheckVerdict.ERROR for answer in answers)
    warnings = sum(answer.verdict is CheckVerdict.WARNING for answer in answers)
    good = not errors and not (warnings_are_errors and warnings)
    return CheckReport(ok=good, errors=errors, warnings=warnings, answers=answers)
