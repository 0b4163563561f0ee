"""The retained topics: what the appliance is, what it does, how it and its board are."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance import __version__
from appliance.ids import boot_id
from appliance.journal.inbox import ANSWERS_KEPT, ANSWERS_KEPT_S
from appliance.messages import discovery
from appliance.messages.request_body import MAXIMUM_TEXT_BYTES
from appliance.messages.status_payloads import Health, Info, Limits, Partial, StateNow, Telemetry
from appliance.messages.topics import retained
from appliance.system import governor, notices
from appliance.system.board_state import BoardState
from appliance.system.clock_sync import clock_synced
from appliance.system.sensors import changed, root_in_force
from appliance.values import Activity, BoardReading, Message, MicrophoneState, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config
    from appliance.messages.topics import Topics
    from appliance.protocols import Sensors
    from appliance.requests.mqtt_service import MqttService
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Pace, Request, Session, SoundHealth

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at the sensors."""

GRACE_S = 180.0
"""For the models to load from a slow card, before anybody looks: as the unit's TimeoutStartSec."""

HEALTH_EVERY = 10.0
"""Seconds between two publications of `health`."""

NOTICED_FIRST = [Activity.STARTING, Activity.FAULT, Activity.LISTENING]
NOTICED_FIRST += [activity for activity in Activity if activity not in (*NOTICED_FIRST, "idle")]
NOTICED_FIRST += [Activity.IDLE]
"""Somebody speaks to it while it thinks: then it listens."""


@dataclass(frozen=True, slots=True)
class Sound:
    """How the ears are."""

    microphone: MicrophoneState = MicrophoneState.ABSENT
    health: SoundHealth | None = None

    @property
    def overruns(self) -> int:
        """Pieces of sound that were lost, since start."""
        return self.health.overruns if self.health is not None else 0


class StatusPublisher:
    """Shows on MQTT what changes; `tick` belongs to the caretaker, the rest to any thread."""

    def __init__(
        self, postman: MqttService, topics: Topics, board: Sensors, *, telemetry_every: float
    ) -> None:
        self._postman = postman
        self._topics = topics
        self._board = board
        self._root = root_in_force()
        self.telemetry_every = telemetry_every
        self.options: Callable[[], dict[str, Any]] = dict
        """What can be changed while it runs, as it is."""
        self.model_fault: Callable[[], str | None] = lambda: None
        """Why the language model cannot be used."""
        self._boot_id = boot_id()
        self._started_at = time.monotonic()
        self._activity: Activity | None = None
        self._parts: dict[str, Activity] = {}
        self._course = governor.GovernorState()
        self._state = threading.Lock()
        self._told: BoardReading | None = None
        self._looked_at = self._told_at = self._health_at = float("-inf")
        self._sound = Sound()
        self._model_fault: str | None = None
        self._session: Session | None = None
        self.also_show: Callable[[Activity], None] = lambda _: None
        """A light, which shows the same."""
        self._reading = board.read()  # now: work that waits in the journal is done before any tick
        self._steer(time.monotonic())

    def describe(self, config: Config, sentences: SentenceSet) -> None:
        """Say on `info` what this appliance is."""
        limits = config.requests
        info = Info(
            version=__version__,
            device=config.name,
            language=config.device.language,
            stt=config.speech.model,
            lm=config.language_model.model if config.language_model.enabled else None,
            intents=sorted(sentences.declared),
            limits=Limits(
                request_bytes=limits.maximum_bytes,
                text_bytes=MAXIMUM_TEXT_BYTES,
                audio_s=limits.maximum_audio_s,
                waiting=limits.maximum_waiting,
                waiting_bytes=limits.maximum_waiting_bytes,
                answers_kept_s=ANSWERS_KEPT_S,
                answers_kept=ANSWERS_KEPT,
                attempts=limits.maximum_attempts,
            ),
            options=self.options(),
        )
        if config.home_assistant.enabled:
            self._postman.publish_retained(discovery.discovery(config, self._topics))
        self._postman.publish_retained(retained(self._topics.info, encode(info)))

    def show(self, activity: Activity, part: str = "house") -> None:
        """Say on `state` what it is doing: of its parts, the one that a person notices first."""
        with self._state:  # else an older state could be published after a newer one
            self._parts[part] = activity
            shown = min(self._parts.values(), key=NOTICED_FIRST.index)
            if shown is not self._activity:
                self._activity = shown
                self._show_state()
                self.also_show(shown)

    def shown_by(self, part: str) -> Callable[[Activity], None]:
        """`show` for one part, which knows of itself alone."""
        return lambda activity: self.show(activity, part)

    def tell(self, session: Session) -> None:
        """Say on `state` that a session begins or ends, and why."""
        with self._state:
            self._session = session
            self._show_state()

    def _show_state(self) -> None:
        now = StateNow(
            activity=self._activity or Activity.STARTING,
            pace=self._course.pace,
            session=self._session,
        )
        self._postman.publish_retained(retained(self._topics.state, encode(now)))

    def show_answer_so_far(self, request: Request, text: str) -> None:
        """Say on `partial` what the language model has written until now."""
        partial = Partial(id=request.id, transaction=request.transaction, text=text)
        self._postman.publish(Message(self._topics.partial, encode(partial), fleeting=True))

    def show_words_so_far(self, text: str) -> None:
        """Say on `partial` what somebody has said until now."""
        partial = Partial(id=None, text=text)
        self._postman.publish(Message(self._topics.partial, encode(partial), fleeting=True))

    def announce_wake(self, payload: bytes) -> None:
        """Tell the appliances in earshot; late it is worth nothing."""
        if self._topics.earshot is not None:
            self._postman.publish(Message(self._topics.earshot, payload, fleeting=True))

    def situation(self) -> BoardState:
        """The board as it was looked at last, for the result of a job."""
        return BoardState(
            pace=self._course.pace,
            low_voltage=self._course.low_voltage,
            reading=self._reading,
            joules=self._board.joules,
            clock_synced=clock_synced(self._root),
            boot_id=self._boot_id,
        )

    def uptime(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._started_at, 1)

    def silence(self) -> float:
        """Seconds since the caretaker was last here; 0.0 before its first time."""
        return max(0.0, time.monotonic() - max(self._looked_at, self._started_at + GRACE_S))

    def starting(self) -> bool:
        """Whether it is not ready yet."""
        return self._activity in (None, Activity.STARTING)

    def pace(self) -> Pace:
        """How hard the board may work now."""
        return self._course.pace

    def tick(self, sound: Callable[[], Sound], waiting: int) -> None:
        """Look at the board and publish what is due or has changed."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            self._look(now)
        self._hear(sound(), waiting, now)

    def _look(self, now: float) -> None:
        self._reading = self._board.read()
        turned = self._steer(now)
        if (
            turned
            or changed(self._told, self._reading)
            or now - self._told_at >= self.telemetry_every
        ):
            self._told, self._told_at = self._reading, now
            telemetry = Telemetry.of(
                self._reading, pace=self._course.pace, clock_synced=clock_synced(self._root)
            )
            self._postman.publish_retained(
                retained(self._topics.telemetry, encode(telemetry)), repeat=True
            )

    def _hear(self, sound: Sound, waiting: int, now: float) -> None:
        """Publish `health`: at once when something fails, else from time to time."""
        fault = self.model_fault()
        changed_since = sound.microphone is not self._sound.microphone
        changed_since = changed_since or fault != self._model_fault
        lost_more = sound.overruns > self._sound.overruns and now - self._health_at >= LOOK_EVERY
        if changed_since or lost_more or now - self._health_at >= HEALTH_EVERY:
            self._sound, self._model_fault, self._health_at = sound, fault, now
            health = encode(self._health(sound, waiting))
            self._postman.publish_retained(retained(self._topics.health, health), repeat=True)

    def _steer(self, now: float) -> bool:
        """Let the governor decide; whether the pace is another one now."""
        before, self._course = self._course, governor.steer(self._course, self._reading, now)
        if line := governor.told(before, self._course, self._reading):
            slower = governor.RANK[self._course.pace] > governor.RANK[before.pace]
            logger.log(logging.WARNING if slower else logging.INFO, "%s", line)
        if self._course.pace is before.pace:
            return False
        with self._state:
            if self._activity is not None:
                self._show_state()
        return True

    def _health(self, sound: Sound, waiting: int) -> Health:
        return Health(
            uptime_s=self.uptime(),
            mqtt=self._postman.health(),
            microphone=sound.microphone,
            sound=sound.health,
            memory_mb=self._reading.memory_used_mb,
            waiting_jobs=waiting,
            language_model_error=self._model_fault,
            notices=notices.read(),
        )
