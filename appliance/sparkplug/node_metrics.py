"""The metrics of the edge node: names, types, units and present values."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from appliance import __version__
from appliance.events import BoardRead, JobFinished, MicrophoneChanged, StatusChanged
from appliance.messages.sparkplug_payload import DataType, Metric
from appliance.values import Activity, MicrophoneState, Outcome

if TYPE_CHECKING:
    from appliance.events import Event
    from appliance.messages.sparkplug_payload import Value
    from appliance.values import BoardReading, Result

REBIRTH = "Node Control/Rebirth"
SAY, LISTEN, MUTE = "Command/Say", "Command/Listen", "Command/Mute"

MOST_KEPT = 1000
"""Maximum number of unsent results; the oldest are dropped first."""

RESULTS = "Result/"
"""The beginning of the names of what belongs to one result."""


@dataclass(frozen=True, slots=True)
class _Kind:
    datatype: DataType
    first: Value
    unit: str = ""


KINDS: dict[str, _Kind] = {
    REBIRTH: _Kind(DataType.BOOLEAN, first=False),
    "Properties/Software Version": _Kind(DataType.STRING, __version__),
    "Status/Online": _Kind(DataType.BOOLEAN, first=True),
    "Status/Activity": _Kind(DataType.STRING, Activity.IDLE.value),
    "Status/Microphone": _Kind(DataType.STRING, MicrophoneState.OK.value),
    "Status/Fault": _Kind(DataType.STRING, ""),
    "Status/Temperature": _Kind(DataType.FLOAT, None, "°C"),
    "Result/Id": _Kind(DataType.STRING, ""),
    "Result/Text": _Kind(DataType.STRING, ""),
    "Result/Outcome": _Kind(DataType.STRING, ""),
    "Result/Intent": _Kind(DataType.STRING, ""),
    "Result/Slots": _Kind(DataType.STRING, "{}"),
    "Result/Confidence": _Kind(DataType.FLOAT, None),
    "Count/Results": _Kind(DataType.INT64, 0),
    "Count/Intents": _Kind(DataType.INT64, 0),
    "Count/Not Understood": _Kind(DataType.INT64, 0),
    SAY: _Kind(DataType.STRING, ""),
    LISTEN: _Kind(DataType.BOOLEAN, first=False),
    MUTE: _Kind(DataType.BOOLEAN, first=False),
}
"""Every metric but bdSeq, in the order of the birth."""


class NodeMetrics:
    """An observer. Any thread may tell it; the edge node's thread takes what has changed."""

    def __init__(self) -> None:
        now = now_ms()
        self._lock = threading.Lock()
        self._metrics = {
            name: Metric(
                name,
                kind.datatype,
                kind.first,
                now,
                properties={"engUnit": kind.unit} if kind.unit else {},
            )
            for name, kind in KINDS.items()
        }
        self._changed: dict[str, None] = {}
        self._results: deque[tuple[Metric, ...]] = deque(maxlen=MOST_KEPT)

    def on_event(self, event: Event) -> None:
        """Take note of what hosts are told."""
        match event:
            case StatusChanged(activity):
                self._set("Status/Activity", activity.value)
            case MicrophoneChanged(state):
                self._set("Status/Microphone", state.value)
                self._set(
                    "Status/Fault", "microphone lost" if state is MicrophoneState.LOST else ""
                )
                self._set(MUTE, state is MicrophoneState.MUTED)
            case BoardRead(reading):
                self._note_board(reading)
            case JobFinished(_, result):
                self._note_result(result)

    def birth(self) -> list[Metric]:
        """Every metric with its value now; what has changed until now need not be told again."""
        with self._lock:
            self._changed.clear()
            return list(self._metrics.values())

    def take_changed(self) -> list[Metric]:
        """The metrics that changed since they were last sent, without those of a result."""
        with self._lock:
            changed = [self._metrics[name] for name in self._changed]
            self._changed.clear()
            return changed

    def take_result(self) -> tuple[Metric, ...]:
        """The metrics of the oldest unsent result; empty if there is none."""
        with self._lock:
            return self._results.popleft() if self._results else ()

    def put_back(self, result: tuple[Metric, ...]) -> None:
        """Keep one that could not be told."""
        with self._lock:
            if len(self._results) < MOST_KEPT:
                self._results.appendleft(result)

    def _note_board(self, reading: BoardReading) -> None:
        if reading.temperature_c is not None:
            self._set("Status/Temperature", float(round(reading.temperature_c)))

    def _note_result(self, result: Result) -> None:
        at = now_ms()
        intent = result.intent
        values: dict[str, Value] = {
            "Result/Id": result.id,
            "Result/Text": result.text or "",
            "Result/Outcome": result.outcome.value,
            "Result/Intent": "" if intent is None else intent.name,
            "Result/Slots": "{}" if intent is None else slots_text(intent.slots),
            "Result/Confidence": result.confidence,
        }
        with self._lock:
            found = tuple(
                replace(self._metrics[name], value=value, timestamp_ms=at)
                for name, value in values.items()
            )
            self._metrics |= {metric.name or "": metric for metric in found}
            self._results.append(found)
        self._count("Count/Results")
        if result.outcome is Outcome.INTENT:
            self._count("Count/Intents")
        elif result.outcome in (Outcome.NOT_UNDERSTOOD, Outcome.REFUSED):
            self._count("Count/Not Understood")

    def _count(self, name: str) -> None:
        with self._lock:
            value = self._metrics[name].value
        self._set(name, (value if isinstance(value, int) else 0) + 1)

    def _set(self, name: str, value: Value) -> None:
        with self._lock:
            if self._metrics[name].value != value:
                self._metrics[name] = replace(
                    self._metrics[name], value=value, timestamp_ms=now_ms()
                )
                self._changed[name] = None


def slots_text(slots: object) -> str:
    """The slots as JSON."""
    return msgspec.json.encode(slots).decode()


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return round(time.time() * 1000)
