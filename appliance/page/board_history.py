"""Measured values of the last hour and day, in memory, as means over equal intervals."""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.events import BoardRead, JobFinished

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.events import Event
    from appliance.values import BoardReading, Result


class Measured(enum.StrEnum):
    """The values that are kept."""

    TEMPERATURE = "temperature"
    """°C"""
    CLOCK = "clock"
    """MHz"""
    POWER = "power"
    """W"""
    MEMORY = "memory"
    """MB, of all processes of the appliance."""
    LATENCY = "latency"
    """ms from the end of speech, or the arrival of a request, to its result; the mean."""
    SLOWEST = "slowest"
    """ms of the slowest result."""
    ENERGY = "energy"
    """J for one result."""


class Span(enum.StrEnum):
    """The time span of a chart."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class SpanLength:
    """The step with which a span is kept."""

    seconds: float
    step_s: float

    @property
    def steps(self) -> int:
        """Number of steps."""
        return round(self.seconds / self.step_s)


LENGTHS = {Span.HOUR: SpanLength(3600.0, 10.0), Span.DAY: SpanLength(86_400.0, 300.0)}

Means = tuple[float | None, ...]
"""One value for each of `Measured`, in its order; None where nothing was measured."""


class BoardHistory:
    """An observer: any thread may tell it, and any thread may ask."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._rings = {span: _Ring(length) for span, length in LENGTHS.items()}

    def on_event(self, event: Event) -> None:
        """Take note of it."""
        match event:
            case BoardRead(reading):
                self._add(_of_reading(reading))
            case JobFinished(_, result):
                self._add(_of_result(result))

    def points(self, measured: Measured, span: Span) -> list[tuple[float, float | None]]:
        """Seconds before now (below zero) and the mean there, the oldest first; None is a gap."""
        with self._lock:
            return self._rings[span].points(list(Measured).index(measured), self._now())

    def _add(self, values: dict[Measured, float | None]) -> None:
        with self._lock:
            for ring in self._rings.values():
                ring.add(values, self._now())


@dataclass(slots=True)
class _Sum:
    """The values of one step: nothing grows with their number."""

    total: float = 0.0
    count: int = 0
    greatest: float = 0.0

    def add(self, value: float) -> None:
        self.greatest = max(value, self.greatest) if self.count else value
        self.total += value
        self.count += 1


class _Ring:
    """The means of one span. What is in the step that goes on is not a mean yet."""

    def __init__(self, length: SpanLength) -> None:
        self._step_s = length.step_s
        self._steps: deque[tuple[int, Means]] = deque(maxlen=length.steps)
        self._step = 0
        self._values: dict[Measured, _Sum] = {}

    def add(self, values: dict[Measured, float | None], now: float) -> None:
        step = int(now / self._step_s)
        if step != self._step:
            self._end_step()
            self._step = step
        for measured, value in values.items():
            if value is not None:
                self._values.setdefault(measured, _Sum()).add(value)

    def points(self, index: int, now: float) -> list[tuple[float, float | None]]:
        oldest = now - (self._steps.maxlen or 0) * self._step_s
        found: list[tuple[float, float | None]] = []
        before = None
        for step, means in self._steps:
            at = (step + 1) * self._step_s
            if at < oldest:
                continue
            if before is not None and step != before + 1:
                found.append((at - self._step_s - now, None))
            found.append((at - now, means[index]))
            before = step
        return found

    def _end_step(self) -> None:
        if not self._values:
            return
        row = tuple(
            _summary(measured, self._values[measured]) if measured in self._values else None
            for measured in Measured
        )
        self._steps.append((self._step, row))
        self._values.clear()


def _summary(measured: Measured, values: _Sum) -> float:
    return values.greatest if measured is Measured.SLOWEST else values.total / values.count


def _of_reading(reading: BoardReading) -> dict[Measured, float | None]:
    return {
        Measured.TEMPERATURE: reading.temperature_c,
        Measured.CLOCK: reading.clock_mhz,
        Measured.POWER: reading.watts,
        Measured.MEMORY: reading.memory_used_mb,
    }


def _of_result(result: Result) -> dict[Measured, float | None]:
    timings = result.timings_ms
    latency = timings.get("total_after_speech", timings.get("total"))
    return {
        Measured.LATENCY: latency,
        Measured.SLOWEST: latency,
        Measured.ENERGY: result.energy_j,
    }
