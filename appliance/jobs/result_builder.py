"""Builds a result step by step, and measures the time of each stage."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from msgspec import UNSET

from appliance.values import Models, Outcome, Result, Source, Tokens, Trigger, Utterance

if TYPE_CHECKING:
    from appliance.system.board_state import BoardState
    from appliance.values import Intent, Job, RunnerUp, Samples, TextSegment

EMPTY: Samples = np.zeros(0, dtype=np.float32)

SAID_STOP = "somebody said stop"


@dataclass(slots=True)
class ResultBuilder:
    """The fields of a result, which the stages fill in."""

    job: Job
    language: str
    board: BoardState
    samples: Samples = field(default_factory=lambda: EMPTY)
    """The sound, once it is decoded: mono, 16 kHz."""
    outcome: Outcome | None = None
    """The outcome; None while the work goes on."""
    text: str | None = None
    meant_text: str | None = None
    """The sentence that the text stands for, if it refers to a command before it."""
    intents: tuple[Intent, ...] = ()
    """The commands that were understood, in their order."""
    runner_up: RunnerUp | None = None
    answer: str | None = None
    confidence: float | None = None
    segments: tuple[TextSegment, ...] | None = None
    reason: str | None = None
    stt: str | None = None
    lm: str | None = None
    likely_intent: str | None = None
    """An intent that was probably meant; an answer about it might claim to have acted."""
    objection: str | None = None
    """Why the text was refused although it is nearly a declared sentence."""
    tokens: Tokens = field(default_factory=Tokens)
    timings_ms: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _lap: float = 0.0
    _joules: float | None = None

    def __post_init__(self) -> None:
        self._lap = self._began
        self._joules = self._counted_joules()
        offered = self.board.offered_at
        if offered is None:
            return
        if isinstance(self.job, Utterance):
            self.note("endpoint", offered - self.job.speech_ended)
        self.note("queued", self._began - offered)

    @property
    def is_over(self) -> bool:
        """Whether a stage has set the outcome."""
        return self.outcome is not None

    def note(self, stage: str, seconds: float) -> None:
        """Record the duration of a stage; a negative one counts as 0."""
        self.timings_ms[stage] = round(max(0.0, seconds) * 1000, 1)

    def stage(self, name: str) -> None:
        """Record a stage that began at the end of the one before it and ends now."""
        now = time.monotonic()
        self.note(name, now - self._lap)
        self._lap = now

    def end(self, outcome: Outcome, reason: str | None = None) -> None:
        """Set the outcome."""
        self.outcome, self.reason = outcome, reason

    def result(self) -> Result:
        """The finished form, with the clock stopped."""
        self._stop_clock()
        board = self.board
        return Result(
            id=self.job.id,
            source=_source(self.job),
            trigger=_trigger(self.job),
            language=self.language,
            outcome=self.outcome or Outcome.FAILED,
            text=self.text,
            intent=self.intents[0] if self.intents else None,
            intents=self.intents if len(self.intents) > 1 else UNSET,
            runner_up=self.runner_up or UNSET,
            answer=self.answer,
            confidence=self.confidence,
            reason=self.reason,
            segments=self.segments,
            timings_ms=self.timings_ms,
            models=Models(stt=self.stt, lm=self.lm),
            tokens=self.tokens,
            pace=board.pace,
            throttled=board.reading.throttled,
            temperature_c=board.reading.temperature_c,
            energy_j=self._spent_joules(),
            at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            clock_synced=board.clock_synced,
            boot_id=board.boot_id,
        )

    def _counted_joules(self) -> float | None:
        return None if self.board.joules is None else self.board.joules()

    def _spent_joules(self) -> float | None:
        """Energy of the whole board since the work began; None if no sensor measures it."""
        now = self._counted_joules()
        return None if now is None or self._joules is None else round(now - self._joules, 2)

    def _stop_clock(self) -> None:
        now = time.monotonic()
        if isinstance(self.job, Utterance):
            self.note("total_after_speech", now - self.job.speech_ended)
        else:
            offered = self.board.offered_at
            self.note("total", now - (self._began if offered is None else offered))


def _source(job: Job) -> Source:
    return Source.MQTT if not hasattr(job, "source") else job.source


def _trigger(job: Job) -> Trigger:
    return Trigger.REQUEST if not hasattr(job, "trigger") else job.trigger
