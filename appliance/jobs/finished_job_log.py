"""Formats a finished job for the log, without any word that was said or asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from appliance.values import ClientRequest, Outcome, Request, Utterance

if TYPE_CHECKING:
    from types import TracebackType

    from appliance.values import Job, Result

WORTH_A_WORD = 10.0
"""Milliseconds; shorter stages are left out of the log."""


def log_fields(job: Job, result: Result) -> dict[str, object]:
    """A finished job as fields for systemd's journal: `journalctl JOB_KIND=speech -o json`."""
    return {
        "job_id": result.id,
        "job_kind": _kind(job),
        "transaction": job.transaction if isinstance(job, Request) else None,
        "requester": job.requester if isinstance(job, Request) else None,
        "outcome": result.outcome.value,
        "intent": ", ".join(intent.name for intent in result.commands) or None,
        "pace": result.pace.value,
        "temperature_c": result.temperature_c,
        "energy_j": result.energy_j,
        **{f"ms_{stage}": spent for stage, spent in result.timings_ms.items()},
    }


def log_line(job: Job, result: Result) -> str:
    """A finished job in one line, without a word of what was said."""
    timings = result.timings_ms
    total = timings.get("total_after_speech", timings.get("total", 0.0)) / 1000
    facts = [_outcome(result)]
    if isinstance(job, Utterance):
        facts.append(f"heard {job.seconds:.1f} s")
    for stage, words in (("queued", "waited"), ("transcribe", "transcribed"), ("answer", "wrote")):
        if timings.get(stage, 0.0) >= WORTH_A_WORD:
            facts.append(f"{words} {timings[stage] / 1000:.2f} s")
    facts.append(f"pace {result.pace}")
    if result.temperature_c is not None:
        facts.append(f"{result.temperature_c:.0f} °C")
    # Its name comes from outside: quoted, so that it cannot look like another line.
    who = f" of {job.requester!r}" if isinstance(job, Request) and job.requester else ""
    return f"answered {_kind(job)} {job.id}{who} in {total:.2f} s: {', '.join(facts)}"


def _outcome(result: Result) -> str:
    if result.outcome is Outcome.INTENT and result.intent is not None:
        found = [f"intent {intent.name} by {intent.by}" for intent in result.commands]
        failed = "" if result.not_done is UNSET else f", {len(result.not_done)} not done"
        return f"{', '.join(found)}{failed}"
    words = result.outcome.replace("_", " ")
    if result.reason is None:
        return words
    # Text after a colon may be part of the request: a word of its schema, the name of its file.
    return f"{words} ({result.reason.partition(':')[0]})"


def _kind(job: Job) -> str:
    if isinstance(job, Utterance):
        return "speech"
    if isinstance(job, ClientRequest):
        return f"{job.operation} of a client"
    return f"{job.operation} request" if isinstance(job, Request) else "text"


def without_words(error: Exception) -> tuple[type[Exception], Exception, TracebackType | None]:
    """Place and class of an error, for the log.

    Its message is left out, because it may contain words of the request.
    """
    kind = type(type(error).__name__, (Exception,), {"__module__": type(error).__module__})
    return kind, kind(), error.__traceback__
