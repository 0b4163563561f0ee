"""Passes the listener's utterances to the queue, and begins sessions."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from appliance.events import ActivityChanged, UtteranceHeard
from appliance.jobs.result_builder import EMPTY, ResultBuilder
from appliance.values import Outcome, Utterance

if TYPE_CHECKING:
    from appliance.dialogue.confirm_and_session import Dialogue
    from appliance.dialogue.listener_control import Activation, ListenerControl
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.events import EventBus
    from appliance.ids import Ids
    from appliance.jobs.commit_stage import JobLedger
    from appliance.jobs.job_queue import JobQueue
    from appliance.listening.wake_election import WakeElection
    from appliance.system.board_monitor import BoardMonitor
    from appliance.values import Activity, Samples, SoundLevel, Wake

logger = logging.getLogger(__name__)


class SpeechIntake:
    """Called in the listener's thread; nothing here waits."""

    def __init__(  # noqa: PLR0913  (what an utterance meets, in that order)
        self,
        ids: Ids,
        dialogue: Dialogue,
        queue: JobQueue,
        ledger: JobLedger,
        *,
        speech: SpeechOutput,
        control: ListenerControl,
        board: BoardMonitor,
        events: EventBus,
        election: WakeElection | None = None,
    ) -> None:
        self._ids = ids
        self._dialogue = dialogue
        self._queue = queue
        self._ledger = ledger
        self._speech = speech
        self._control = control
        self._board = board
        self._events = events
        self._election = election

    def new_id(self) -> str:
        """An id for the next utterance."""
        return self._ids.new()

    def accept_utterance(self, utterance: Utterance) -> bool:
        """Queue an utterance for the worker; False if the queue has no room."""
        self._dialogue.on_utterance(utterance)
        self._events.emit(UtteranceHeard(utterance))
        queued = self._queue.enqueue_job(utterance)
        if not queued:
            self._dialogue.on_dropped(utterance)
        return queued

    def give_up(self, activation: Activation, reason: str) -> None:
        """Listening ended before anything was said, or could not start."""
        if activation.id is not None and not activation.reply:  # somebody waits for its result
            now = time.monotonic()
            utterance = Utterance(activation.id, EMPTY, activation.trigger, time.time(), now)
            builder = ResultBuilder(utterance, self._dialogue.language, self._board.state())
            builder.end(Outcome.CANCELLED, reason)
            self._ledger.commit_job(utterance, builder.result())
        self._dialogue.on_given_up(activation, reason)

    def on_listening(self, activation: Activation) -> None:
        """Listening starts."""
        self._dialogue.on_listening(activation)

    def on_wake(self, wake: Wake, level: SoundLevel | None) -> None:
        """A wake word was detected: its speaker need not wait until an answer has ended."""
        if self._election is not None:
            self._election.on_own_wake(wake, level)
        self._speech.interrupt()
        self._control.deafen(deaf=False)

    def on_frame(self, frame: Samples) -> None:
        """Nothing: early looks take the sound from the segmenter."""

    def on_activity(self, activity: Activity) -> None:
        """Note that it listens to speech, or stops listening."""
        self._events.emit(ActivityChanged("listener", activity))
