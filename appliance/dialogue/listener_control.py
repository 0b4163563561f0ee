"""Commands to the listener from any thread, which it carries out between frames."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.protocols import WakeWordDetector
    from appliance.values import Trigger


@dataclass(frozen=True, slots=True)
class Activation:
    """Why and how the appliance listens to one sentence."""

    trigger: Trigger
    id: str | None = None
    """The utterance's id if it is known beforehand, like that of a request."""
    held: bool = False
    """Whether the sentence ends at the release of the button instead of a pause."""
    reply: bool = False
    """Whether a yes or a no is expected, and not one of the sentences."""
    wait_s: float = 5.0
    """Seconds within which somebody must begin to speak."""
    after_wake_word: bool = False
    """Whether the end of the wake word may still be heard."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen to one sentence, in place of the current one if any."""

    activation: Activation


@dataclass(frozen=True, slots=True)
class Release:
    """The sentence is over; if it does not listen, this means nothing."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up what is being heard."""

    reason: str


@dataclass(frozen=True, slots=True)
class Mute:
    """Close the microphone's device, or open it again."""

    muted: bool


@dataclass(frozen=True, slots=True)
class UseTrigger:
    """Let something else start the listening: one of the values of listening.trigger."""

    mode: str
    detectors: Sequence[WakeWordDetector] | None
    """The new detectors; None keeps the present ones."""


@dataclass(frozen=True, slots=True)
class Deafen:
    """The loudspeaker starts or stops speaking: meanwhile only a wake word is heard."""

    deaf: bool


ListenerCommand = Listen | Release | Cancel | Mute | UseTrigger | Deafen


class ListenerControl:
    """A queue of commands for the listener. Any thread may add; the listener takes."""

    def __init__(self) -> None:
        self._commands: queue.SimpleQueue[ListenerCommand] = queue.SimpleQueue()

    def listen(self, activation: Activation) -> None:
        """Listen to one sentence."""
        self._commands.put(Listen(activation))

    def release(self) -> None:
        """The sentence is over."""
        self._commands.put(Release())

    def cancel(self, reason: str) -> None:
        """Give up what is being heard."""
        self._commands.put(Cancel(reason))

    def mute(self, *, muted: bool) -> None:
        """Close the microphone's device, or open it again."""
        self._commands.put(Mute(muted))

    def use_trigger(self, mode: str, detectors: Sequence[WakeWordDetector] | None = None) -> None:
        """Let something else start the listening."""
        self._commands.put(UseTrigger(mode, detectors))

    def deafen(self, *, deaf: bool) -> None:
        """Tell the listener whether the loudspeaker speaks."""
        self._commands.put(Deafen(deaf))

    def next_command(self, timeout_s: float = 0.0) -> ListenerCommand | None:
        """The oldest command; None if there is none within `timeout_s`."""
        try:
            return (
                self._commands.get(timeout=timeout_s)
                if timeout_s
                else (self._commands.get_nowait())
            )
        except queue.Empty:
            return None
