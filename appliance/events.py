"""What happens in the daemon, as typed events, for those who only watch: status, metrics, light."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from appliance.values import (
        Activity,
        BoardReading,
        Job,
        MicrophoneState,
        Pace,
        Request,
        Result,
        Session,
        Utterance,
    )


@dataclass(frozen=True, slots=True)
class ActivityChanged:
    """A part of the daemon does something else."""

    part: str
    activity: Activity


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """What the device as a whole does: of its parts, the one that a person notices first."""

    activity: Activity


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A session with a person began or ended."""

    session: Session


@dataclass(frozen=True, slots=True)
class UtteranceHeard:
    """Somebody spoke; the utterance goes to the queue."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class JobFinished:
    """A result was committed."""

    job: Job
    result: Result


@dataclass(frozen=True, slots=True)
class JobNotRun:
    """A request has ended without work: it was cancelled or late while it waited."""

    request: Request
    result: Result


@dataclass(frozen=True, slots=True)
class WordsHeard:
    """What somebody has said until now."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerWritten:
    """What the language model has written until now, if the requester wants to see it."""

    request: Request
    text: str


@dataclass(frozen=True, slots=True)
class BoardRead:
    """The sensors of the board were read, as they are once a second."""

    reading: BoardReading


@dataclass(frozen=True, slots=True)
class PaceChanged:
    """The governor lets the board work harder, or less."""

    pace: Pace


@dataclass(frozen=True, slots=True)
class MicrophoneChanged:
    """The microphone was lost, muted, or works again."""

    state: MicrophoneState


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Other sentences, or other values of options, are active now."""


Event = (
    ActivityChanged
    | StatusChanged
    | SessionChanged
    | UtteranceHeard
    | JobFinished
    | JobNotRun
    | WordsHeard
    | AnswerWritten
    | BoardRead
    | PaceChanged
    | MicrophoneChanged
    | SettingsChanged
)


class Observer(Protocol):
    """Receives every event, in the thread in which it happened; it must return at once."""

    def on_event(self, event: Event) -> None:
        """Take note of the event; observers ignore those that do not concern them."""


class EventBus:
    """Passes each event to every observer. Any thread may emit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: tuple[Observer, ...] = ()

    def subscribe(self, observer: Observer) -> None:
        """Let it see every event from now on."""
        with self._lock:
            self._observers = (*self._observers, observer)

    def emit(self, event: Event) -> None:
        """Pass it on, in the order in which the observers subscribed."""
        for observer in self._observers:
            observer.on_event(event)
