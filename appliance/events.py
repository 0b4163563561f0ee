"""Typed events of the daemon for its observers: status, metrics, light."""

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
    """A part of the daemon has changed its activity."""

    part: str
    activity: Activity


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The activity of the whole device has changed: that of the part a person notices first."""

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
    """A request has ended without work, because it was cancelled or expired in the queue."""

    request: Request
    result: Result


@dataclass(frozen=True, slots=True)
class ConfirmationAsked:
    """A command that was said at a satellite waits for a yes."""

    request: Request
    result: Result


@dataclass(frozen=True, slots=True)
class WordsHeard:
    """The words of a sentence that is still being spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerWritten:
    """The beginning of an answer that is still being written, if its requester wants to see it."""

    request: Request
    text: str


@dataclass(frozen=True, slots=True)
class BoardRead:
    """The sensors of the board were read; this happens once a second."""

    reading: BoardReading


@dataclass(frozen=True, slots=True)
class PaceChanged:
    """The governor has changed the pace."""

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
    | ConfirmationAsked
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
        """Handle an event; an observer ignores events that do not concern it."""


class EventBus:
    """Passes each event to every observer. Any thread may emit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: tuple[Observer, ...] = ()

    def subscribe(self, observer: Observer) -> None:
        """Add an observer of all later events."""
        with self._lock:
            self._observers = (*self._observers, observer)

    def emit(self, event: Event) -> None:
        """Pass an event to the observers in the order in which they subscribed."""
        for observer in self._observers:
            observer.on_event(event)
