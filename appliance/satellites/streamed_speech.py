"""Streams the listener's sound from this satellite to the appliance that recognises it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import TYPE_CHECKING, Protocol

from appliance.audio.earcons import Earcon
from appliance.dialogue.listener_control import Activation
from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE, Trigger
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.pcm_frames import pcm_of

if TYPE_CHECKING:
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.values import Activity, Samples, SoundLevel, Spoken, Utterance, Wake
    from appliance.wyoming_server.outgoing_events import Context

logger = logging.getLogger(__name__)

ANOTHER_HEARD_BETTER = "duplicate_wake_up_detected"
"""The code of the error, Home Assistant's, if several satellites heard the same call."""


ASKS_WITHIN_S = 60.0
"""Seconds from the beginning of a sentence within which a reply is listened to."""


class Uplink(Protocol):
    """The connection to the appliance that recognises."""

    def send(self, events: bytes) -> bool:
        """Send at once, without waiting; False without a connection, or if it is too slow."""


class StreamedSpeech:
    """Takes what the listener hears (`UtteranceIntake`), and what comes back. Any thread.

    The listening turn ends by the pauses here, or sooner, when the transcript comes.
    """

    def __init__(
        self, uplink: Uplink, speech: SpeechOutput, control: ListenerControl, wait_s: float
    ) -> None:
        """`wait_s` is the time within which a reply must begin."""
        self._uplink = uplink
        self._speech = speech
        self._control = control
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._wake: tuple[str, Context] | None = None
        self._streams = False
        """Whether the sound of a sentence is being sent."""
        self._awaited = False
        """Whether the transcript of a sentence has not come yet."""
        self._asks_until: float | None = None
        """Until when (time.monotonic()) one question about the last sentence may be asked."""

    # From the listener.

    def new_id(self) -> str:
        return uuid.uuid4().hex

    def on_wake(self, wake: Wake, level: SoundLevel | None) -> None:
        over_noise = 0.0 if level is None else level.peak_dbfs - level.noise_floor_dbfs
        context = {"score": round(wake.score, 3), "level_over_noise_db": round(over_noise, 1)}
        self._wake = (wake.word, context)
        self._speech.interrupt()
        self._control.deafen(deaf=False)

    def on_listening(self, activation: Activation) -> None:
        word, context = self._wake or (None, None)
        self._wake = None
        if activation.reply:
            self._begin(outgoing.begin_reply())
        else:
            self._asks_until = time.monotonic() + ASKS_WITHIN_S
            self._begin(outgoing.begin_speech(word, context))
        if not self._streams:
            self._speech.play(Earcon.FAULT)
            self._control.cancel("no appliance is connected that recognises it")
        elif activation.trigger is not Trigger.BUTTON:
            self._speech.play(Earcon.LISTENING)

    def on_frame(self, frame: Samples) -> None:
        if self._streams and not self._send(outgoing.sound(SAMPLE_RATE, pcm_of(frame))):
            self._control.cancel("the connection is too slow, or gone")

    def accept_utterance(self, utterance: Utterance) -> bool:
        if utterance.trigger is Trigger.ALWAYS:  # nothing started the listening, nothing was sent
            self._asks_until = time.monotonic() + ASKS_WITHIN_S
            self._begin(outgoing.begin_speech(None, None))
            samples = utterance.samples
            for start in range(0, len(samples), FRAME_SAMPLES):
                piece = pcm_of(samples[start : start + FRAME_SAMPLES])
                self._send(outgoing.sound(SAMPLE_RATE, piece))
        was_sent = self._streams
        self._end_stream()
        return was_sent

    def give_up(self, activation: Activation, reason: str) -> None:
        self._end_stream()
        logger.info("listening by %s ended: %s", activation.trigger.replace("_", " "), reason)

    def on_activity(self, activity: Activity) -> None:
        """Nobody watches a satellite."""

    # Events from the appliance that recognises.

    def on_voice_stopped(self) -> None:
        """The sentence is over."""
        if self._streams:
            self._control.release()

    def on_transcript(self, text: str) -> None:
        """Take the transcript; empty if it is not a declared sentence."""
        if self._take_answer("it is understood" if text else "nothing was understood"):
            self._speech.play(Earcon.UNDERSTOOD if text else Earcon.NOTHING)

    def on_failure(self, why: str, code: str | None) -> None:
        """It could not be done."""
        yielded = code == ANOTHER_HEARD_BETTER
        if self._take_answer(f"it failed: {why}") and not yielded:
            logger.warning("a sentence was not understood: %s", why)
            self._speech.play(Earcon.FAULT)

    def on_reply_wanted(self) -> None:
        """Listen to the reply to a question that was played: once for each sentence.

        So whoever recognises cannot open the microphone when it likes.
        """
        until, self._asks_until = self._asks_until, None
        if until is None or time.monotonic() > until or self._streams or self._wake is not None:
            logger.info("a reply is not listened to: nobody has just spoken, or speaks again")
            return
        logger.info("a reply is listened to")
        self._control.listen(Activation(Trigger.REQUEST, reply=True, wait_s=self._wait_s))

    def on_spoken(self, spoken: Spoken) -> None:
        """An answer to be played."""
        self._speech.play_spoken(spoken, done=self._report_played)

    def _report_played(self) -> None:
        self._uplink.send(outgoing.played())

    def on_disconnected(self) -> None:
        """Nobody answers any more."""
        self.on_failure("the connection ended", None)

    def _take_answer(self, reason: str) -> bool:
        """End the listening, if it still goes on; whether an answer was awaited."""
        with self._lock:
            streams, awaited = self._streams, self._awaited
            self._awaited = False
        if streams:
            self._control.cancel(reason)
        return awaited

    def _begin(self, events: bytes) -> None:
        begun = self._uplink.send(events)
        with self._lock:
            self._streams = self._awaited = begun

    def _send(self, events: bytes) -> bool:
        if self._uplink.send(events):
            return True
        with self._lock:
            self._streams = self._awaited = False
        return False

    def _end_stream(self) -> None:
        with self._lock:
            streams, self._streams = self._streams, False
        if streams:
            self._uplink.send(outgoing.sound_stop())
