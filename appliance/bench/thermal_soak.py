"""The soak test: checks whether case and power supply let the board keep its speed under load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from appliance.audio.decoder_process import decode_recording
from appliance.bench import svg_plot
from appliance.errors import EngineError
from appliance.evaluation.manifest import SAMPLES
from appliance.pipeline import pipeline_factory
from appliance.recognition import speech_models
from appliance.threads import STOP_BUDGET_S, Deadline, Loop, LoopBody, StopSignal
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from appliance.config import Config
    from appliance.engines.llama.language_model import Llama
    from appliance.protocols import Sensors
    from appliance.values import BoardReading

QUESTION = "Tell me a long story about a lamp."

LEAST_KEPT_SPEED = 0.9
"""Share of its first speed, below which a board counts as throttled."""

HOT_C = 80.0
"""Temperature in °C at which a Raspberry Pi throttles itself."""

PANELS = (
    {"temperature_c": "temperature, °C"},
    {"clock_mhz": "clock, MHz", "clock_limit_mhz": "its limit, MHz"},
    {"jobs_per_minute": "speed, recordings recognised per minute"},
)
"""Panels of the plot, from above: field of a sample → its label."""

BARS = "▁▂▃▄▅▆▇█"


class SoakSample(msgspec.Struct, frozen=True, kw_only=True):
    """One interval of the test; null if the board has no such sensor."""

    minutes: float
    """From the start of the test to the end of the interval."""
    jobs_per_minute: float
    temperature_c: float | None = None
    clock_mhz: float | None = None
    clock_limit_mhz: float | None = None
    """The kernel's limit."""
    fan_rpm: float | None = None
    watts: float | None = None
    throttlings: int | None = None
    """Count since the start of the test; the same for the next field."""
    under_voltages: int | None = None


class SoakReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `appliance bench --soak` prints."""

    board: str | None
    rows: list[SoakSample]
    kept_speed: float
    """Speed of the last quarter / speed of the first interval."""
    hottest_c: float | None
    throttlings: int | None
    under_voltages: int | None
    good_enough: bool | None
    """Whether case and power supply are; None if the board has no sensors for it."""


def soak(
    config: Config,
    board: Sensors,
    minutes: float,
    every_s: float,
    report: Callable[[SoakSample], None],
) -> list[SoakSample]:
    """Recognise speech while the language model writes; a sample every `every_s`."""
    sentences = pipeline_factory.load_sentences(config)
    recogniser = speech_models.open_recogniser(config, speech_models.open_transcriber(config))
    recogniser.prepare(sentences)
    samples = decode_recording(SAMPLES / "kitchen_light.flac", maximum_seconds=30.0)

    def job() -> None:
        recogniser.decode(samples, sentences)

    job()  # warms the caches
    writer = _writer(config)
    writer.start()
    try:
        rows = []
        for row in intervals(job, board, minutes * 60, every_s):
            report(row)
            rows.append(row)
        return rows
    finally:
        writer.stop(Deadline(STOP_BUDGET_S))


def intervals(
    job: Callable[[], None],
    board: Sensors,
    seconds: float,
    every_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[SoakSample]:
    """Repeat `job`; yields speed and sensor values of each interval."""
    started = interval = clock()
    done = 0
    board.read()  # counters start here
    while (now := clock()) - started < seconds:
        if now - interval >= every_s and done:
            yield _row(board.read(), now - started, done / (now - interval))
            interval, done = now, 0
        job()
        done += 1
    if done:
        yield _row(board.read(), now - started, done / (now - interval))


def _row(reading: BoardReading, seconds: float, jobs_per_second: float) -> SoakSample:
    return SoakSample(
        minutes=round(seconds / 60, 2),
        jobs_per_minute=round(jobs_per_second * 60, 1),
        temperature_c=reading.temperature_c,
        clock_mhz=reading.clock_mhz,
        clock_limit_mhz=reading.clock_limit_mhz,
        fan_rpm=reading.fan_rpm,
        watts=reading.watts,
        throttlings=reading.throttlings,
        under_voltages=reading.under_voltages,
    )


class _Writer(LoopBody):
    """Keeps the language model writing; idle if there is none."""

    def __init__(self, model: Llama | None, stopping: StopSignal) -> None:
        self._model = model
        self._stopping = stopping

    def turn(self) -> None:
        if self._model is None:
            time.sleep(0.2)
            return
        try:
            self._model.complete(Question((QUESTION,)), self._stopping.is_set)
        except EngineError:
            if not self._stopping.is_set():
                raise

    def stop(self) -> None:
        if self._model is not None:
            self._model.close()


def _writer(config: Config) -> Loop:
    stopping = StopSignal()
    model = pipeline_factory.open_language_model(config)
    return Loop("writer", _Writer(model, stopping), stopping=stopping)


def judge(board: str | None, rows: Sequence[SoakSample]) -> SoakReport:
    """Evaluate the samples."""
    last = rows[-max(1, len(rows) // 4) :]
    speed = float(np.median([row.jobs_per_minute for row in last]))
    kept = round(speed / rows[0].jobs_per_minute, 3)
    degrees = [row.temperature_c for row in rows if row.temperature_c is not None]
    hottest = max(degrees, default=None)
    throttlings, under_voltages = rows[-1].throttlings, rows[-1].under_voltages
    known = (hottest, throttlings, under_voltages)
    bad = (
        kept < LEAST_KEPT_SPEED
        or (hottest or 0.0) >= HOT_C
        or bool(throttlings)
        or bool(under_voltages)
    )
    return SoakReport(
        board=board,
        rows=list(rows),
        kept_speed=kept,
        hottest_c=hottest,
        throttlings=throttlings,
        under_voltages=under_voltages,
        good_enough=None if all(value is None for value in known) and not bad else not bad,
    )


def table_head() -> str:
    """The header of the table."""
    return f"{'min':>6} {'jobs/min':>9} {'°C':>6} {'MHz':>6} {'fan':>6} {'W':>6}  slowed  low volts"


def as_line(row: SoakSample) -> str:
    """A sample as a row of the table."""
    return (
        f"{row.minutes:6.1f} {row.jobs_per_minute:9.1f} {_shown(row.temperature_c, 1):>6} "
        f"{_shown(row.clock_mhz):>6} {_shown(row.fan_rpm):>6} {_shown(row.watts, 1):>6}  "
        f"{_shown(row.throttlings):>6}  {_shown(row.under_voltages):>9}"
    )


def as_text(report: SoakReport) -> str:
    """The bars and the verdict, to print below the table."""
    lines = [""]
    for name, unit, values in (
        ("temperature", "°C", [row.temperature_c for row in report.rows]),
        ("clock", "MHz", [row.clock_mhz for row in report.rows]),
        ("speed", "jobs/min", [row.jobs_per_minute for row in report.rows]),
    ):
        known = [value for value in values if value is not None]
        if known:
            low, high = min(known), max(known)
            lines.append(f"{name:>12} {bars(values)} {low:.0f} to {high:.0f} {unit}")
    lines += ["", _verdict(report)]
    return "\n".join(lines)


def as_svg(report: SoakReport) -> str:
    """A plot of temperature, clock and speed over time."""
    panels: list[svg_plot.PlotPanel] = []
    for names in PANELS:
        lines = {
            name: [(row.minutes, getattr(row, field)) for row in report.rows]
            for field, name in names.items()
            if any(getattr(row, field) is not None for row in report.rows)
        }
        if lines:
            panels.append(svg_plot.panel(lines, 120, first_colour=len(panels)))
    minutes = [row.minutes for row in report.rows]
    step = max(1, len(minutes) // 8)
    ticks = [(minute, f"{minute:g}") for minute in minutes[::step]]
    return svg_plot.svg(panels, ticks, f"minutes; {_verdict(report)}")


def bars(values: Sequence[float | None]) -> str:
    """A plot in one line, scaled from the least value to the greatest; a gap for None."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(" " if v is None else BARS[round((v - low) / step)] for v in values)


def _verdict(report: SoakReport) -> str:
    kept = f"the board kept {100 * report.kept_speed:.0f} % of its first speed"
    if report.good_enough is None:
        return f"{kept}; it has no sensors that could show the cause"
    if report.good_enough:
        return f"{kept}: case and power supply are good enough"
    advice = []
    if report.under_voltages:
        advice.append("use the board's official power supply and a short cable")
    if report.throttlings or (report.hottest_c or 0.0) >= HOT_C:
        advice.append("add a fan or a heat sink, or improve the air flow")
    return f"{kept}: it was throttled; " + (
        ", and ".join(advice) or "another program uses the CPU, or the clock is limited"
    )


def _shown(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
