"""Who takes what the listener hears: the queue of an appliance, or a satellite's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from appliance.dialogue.listener_control import Activation
    from appliance.values import Activity, Samples, SoundLevel, Utterance, Wake


class UtteranceIntake(Protocol):
    """Called in the listener's thread; nothing here may wait."""

    def new_id(self) -> str:
        """An id for the next utterance."""

    def on_wake(self, wake: Wake, level: SoundLevel | None) -> None:
        """A wake word was detected; listening starts next."""

    def on_listening(self, activation: Activation) -> None:
        """Listening starts."""

    def on_frame(self, frame: Samples) -> None:
        """A frame of a sentence for which something started the listening."""

    def accept_utterance(self, utterance: Utterance) -> bool:
        """Take a sentence that is over; False if there is no room for it."""

    def give_up(self, activation: Activation, reason: str) -> None:
        """Listening ended before anything was said, or could not start."""

    def on_activity(self, activity: Activity) -> None:
        """It listens to speech now, or not any more."""
