"""The listener's thread: keeps the microphone open and passes on what it hears."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from appliance.dialogue.listener_control import Cancel, Deafen, Listen, Mute, Release, UseTrigger
from appliance.errors import MicrophoneError
from appliance.threads import LoopBody
from appliance.values import MicrophoneState

if TYPE_CHECKING:
    from appliance.dialogue.listener_control import ListenerCommand, ListenerControl
    from appliance.listening.frames_to_utterances import FramesToUtterances
    from appliance.protocols import Microphone

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that one turn waits for a frame; a stop is noticed between turns."""

NEGLECTED_S = 30.0
"""Seconds without sound and without an attempt to open the microphone that count as stuck."""

CLOSED = "the microphone is closed"

REPORTS = {
    MicrophoneState.LOST: "the microphone is gone; it is tried again until it is back",
    MicrophoneState.SILENT: "the microphone gives no sound at all: is it muted?",
}


class Listener(LoopBody):
    """The stage CAPTURE: reads the microphone and passes each frame on; keeps no sound.

    Commands (`ListenerControl`) are carried out before the next frame is heard.
    """

    def __init__(
        self, microphone: Microphone, listening: FramesToUtterances, control: ListenerControl
    ) -> None:
        """Nothing is opened yet."""
        self._microphone = microphone
        self._listening = listening
        self._control = control
        self._open = self._muted = False
        self._state = MicrophoneState.OK

    @property
    def state(self) -> MicrophoneState:
        """The state of the microphone, or why it is closed."""
        if self._muted:
            return MicrophoneState.MUTED
        return MicrophoneState.ABSENT if self._listening.mode == "off" else self._microphone.state

    @property
    def is_neglected(self) -> bool:
        """Whether an open microphone has given no sound for long and was not opened again."""
        return self._open and time.monotonic() - self._microphone.last_activity_at > NEGLECTED_S

    def start(self) -> None:
        """Open the microphone if it is needed; if it is missing, try again later."""
        while command := self._control.next_command():  # a mute of the last run, for example
            self._carry_out(command)
        self._open_or_close()

    def turn(self) -> None:
        """Hear one frame, or wait a moment for it."""
        self._carry_out_commands()
        if not self._open:
            return
        frame = self._microphone.read(POLL_S)
        self._watch(self._microphone.state)
        if frame is not None:
            self._listening.hear_frame(frame, self._microphone.captured_at)

    def stop(self) -> None:
        """Close the microphone; a sentence that is not over yet is given up."""
        self._open = False
        self._microphone.close()
        self._listening.close()

    def _carry_out_commands(self) -> None:
        # While the microphone is closed, this is where the thread waits.
        command = self._control.next_command(0.0 if self._open else POLL_S)
        while command is not None:
            self._carry_out(command)
            command = self._control.next_command()

    def _carry_out(self, command: ListenerCommand) -> None:
        match command:
            case Listen(activation) if self._open:
                self._listening.listen(activation)
            case Listen(activation):
                self._listening.refuse(activation, CLOSED)
            case Release():
                self._listening.release()
            case Cancel(reason):
                self._listening.give_up(reason)
            case Mute(muted):
                self._mute(muted=muted)
            case UseTrigger(mode, detectors):
                self._listening.use(mode, detectors)
                self._open_or_close()
            case Deafen(deaf):
                self._listening.be_deaf(deaf=deaf)

    def _mute(self, *, muted: bool) -> None:
        if muted is not self._muted:
            self._muted = muted
            logger.info("the microphone is %s", "closed: muted" if muted else "no longer muted")
            self._open_or_close()

    def _open_or_close(self) -> None:
        wanted = self._listening.mode != "off" and not self._muted
        if wanted is self._open:
            return
        self._open = wanted
        self._listening.give_up(CLOSED)
        self._listening.meter.reset()
        self._state = MicrophoneState.OK
        if not wanted:
            self._microphone.close()
            return
        try:
            self._microphone.open()
        except MicrophoneError as error:
            # It may be plugged in later, and requests are served meanwhile.
            logger.warning("%s; trying again until it is found", error)
            self._state = MicrophoneState.LOST

    def _watch(self, state: MicrophoneState) -> None:
        if state is self._state:
            return
        was, self._state = self._state, state
        if state in REPORTS:
            logger.warning("%s", REPORTS[state])
        elif was in REPORTS:
            logger.info("the microphone works again")
        if state is MicrophoneState.LOST:
            # The sound after the gap does not continue the sentence before it.
            self._listening.meter.reset()
            self._listening.give_up(REPORTS[state])
