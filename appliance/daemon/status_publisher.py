"""Publishes the retained topics: state, info, health and telemetry."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance import __version__
from appliance.daemon import content_hashes
from appliance.events import (
    ActivityChanged,
    AnswerWritten,
    MicrophoneChanged,
    PaceChanged,
    SessionChanged,
    SettingsChanged,
    StatusChanged,
    WordsHeard,
)
from appliance.journal.inbox import ANSWERS_KEPT, ANSWERS_KEPT_S
from appliance.messages.request_body import MAXIMUM_TEXT_BYTES
from appliance.messages.status_payloads import Health, Info, Limits, Partial, StateNow, Telemetry
from appliance.messages.topics import retained
from appliance.system import image_messages
from appliance.system.sensors import changed
from appliance.values import Activity, Message, MicrophoneState, encode

if TYPE_CHECKING:
    from appliance.daemon.home_assistant_announcement import HomeAssistantAnnouncement
    from appliance.daemon.reload import LiveSettings
    from appliance.events import Event, EventBus
    from appliance.fleet.bundle_receiver import BundleReceiver
    from appliance.jobs.job_queue import JobQueue
    from appliance.listening.voice_input import VoiceInput
    from appliance.messages.topics import Topics
    from appliance.mqtt.publisher import Publisher
    from appliance.protocols import LanguageModel
    from appliance.requests.mqtt_thread import MqttService
    from appliance.requests.runtime_options import RuntimeOptions
    from appliance.system.board_monitor import BoardMonitor
    from appliance.values import BoardReading, Session, SoundHealth

START_LIMIT_S = 180.0
"""Seconds for loading the models from a slow card; the unit's TimeoutStartSec."""

HEALTH_EVERY_S = 10.0

LOST_SOUND_EVERY_S = 1.0
"""Shortest interval between two messages on `health` about lost sound, in seconds."""

NOTICED_FIRST = [Activity.STARTING, Activity.FAULT, Activity.LISTENING]
NOTICED_FIRST += [activity for activity in Activity if activity not in (*NOTICED_FIRST, "idle")]
NOTICED_FIRST += [Activity.IDLE]
"""If somebody speaks to it while it works, it listens."""

MICROPHONE_ACTIVITIES = {
    MicrophoneState.LOST: Activity.FAULT,
    MicrophoneState.MUTED: Activity.MUTED,
}


@dataclass(frozen=True, slots=True)
class _HealthShown:
    """Fields of `health` whose change is published at once."""

    microphone: MicrophoneState = MicrophoneState.ABSENT
    overruns: int = 0
    language_model_error: str | None = None


class StatusPublisher:
    """Observes events from any thread; `tick` belongs to the main thread."""

    def __init__(  # noqa: PLR0913  (what it reports about)
        self,
        settings: LiveSettings,
        options: RuntimeOptions,
        publisher: Publisher,
        *,
        topics: Topics,
        board: BoardMonitor,
        mqtt: MqttService,
        queue: JobQueue,
        voice: VoiceInput,
        language_model: LanguageModel | None,
        events: EventBus,
        announcement: HomeAssistantAnnouncement,
        bundles: BundleReceiver,
    ) -> None:
        self._announcement = announcement
        self._bundles = bundles
        self._settings = settings
        self._options = options
        self._publisher = publisher
        self._topics = topics
        self._board = board
        self._mqtt = mqtt
        self._queue = queue
        self._voice = voice
        self._language_model = language_model
        self._events = events
        self._started_at = time.monotonic()
        self._ticked_at = float("-inf")
        self._lock = threading.Lock()
        self._activities: dict[str, Activity] = {}
        self._activity: Activity | None = None
        self._session: Session | None = None
        self._telemetry: BoardReading | None = None
        self._telemetry_at = self._health_at = float("-inf")
        self._health = _HealthShown()

    def on_event(self, event: Event) -> None:
        match event:
            case ActivityChanged(part, activity):
                self._show(part, activity)
            case MicrophoneChanged(state):
                self._show("microphone", MICROPHONE_ACTIVITIES.get(state, Activity.IDLE))
            case SessionChanged(session):
                self._show_session(session)
            case PaceChanged():
                self._show_pace()
            case SettingsChanged():
                self.describe()
            case WordsHeard(text) if self._settings.config.listening.partial:
                self._publish_partial(Partial(id=None, text=text))
            case AnswerWritten(request, text) if not request.waits_on_http:
                self._publish_partial(
                    Partial(id=request.id, transaction=request.transaction, text=text)
                )

    def describe(self) -> None:
        """Publish on `info` what this appliance is."""
        config, limits = self._settings.config, self._settings.config.requests
        info = Info(
            version=__version__,
            device=config.name,
            language=config.device.language,
            stt=config.speech.model,
            lm=config.language_model.model if config.language_model.enabled else None,
            intents=sorted(self._settings.sentences.declared),
            operations=tuple(config.mqtt.operations),
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
            options=self._options.current(),
            hashes=content_hashes.of(config, self._settings.sentences),
            bundle=self._bundles.record,
            page_settings=self._settings.saved_names,
        )
        if config.home_assistant.enabled:
            self._announcement.publish(config, info.intents)
        self._publish(self._topics.info, encode(info))

    def uptime(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._started_at, 1)

    def silence(self) -> float:
        """Seconds since the main thread's last tick; 0.0 before its first, while models load."""
        return max(0.0, time.monotonic() - max(self._ticked_at, self._started_at + START_LIMIT_S))

    @property
    def starting(self) -> bool:
        """Whether the daemon is still starting."""
        return self._activity in (None, Activity.STARTING)

    def tick(self) -> None:
        """Publish telemetry and health if they are due or have changed."""
        now = self._ticked_at = time.monotonic()
        read = self._board.tick()
        if read or self._telemetry is None:
            self._publish_telemetry(now)
        self._publish_health(now)

    def _show(self, part: str, activity: Activity) -> None:
        """Publish on `state` the activity that a person notices first."""
        with self._lock:  # so that an older state is never published after a newer one
            self._activities[part] = activity
            shown = min(self._activities.values(), key=NOTICED_FIRST.index)
            if shown is self._activity:
                return
            self._activity = shown
            self._publish_state()
            self._events.emit(StatusChanged(shown))

    def _show_session(self, session: Session) -> None:
        with self._lock:
            self._session = session
            self._publish_state()

    def _show_pace(self) -> None:
        with self._lock:
            if self._activity is not None:
                self._publish_state()
        self._telemetry = None

    def _publish_state(self) -> None:
        state = StateNow(
            activity=self._activity or Activity.STARTING,
            pace=self._board.pace,
            session=self._session,
        )
        self._publish(self._topics.state, encode(state))

    def _publish_telemetry(self, now: float) -> None:
        reading = self._board.reading
        due = now - self._telemetry_at >= self._options.telemetry_every_s
        if self._telemetry is None or due or changed(self._telemetry, reading):
            self._telemetry, self._telemetry_at = reading, now
            board = self._board.state()
            telemetry = Telemetry.of(reading, pace=board.pace, clock_synced=board.clock_synced)
            self._publish(self._topics.telemetry, encode(telemetry), repeat=True)

    def _publish_health(self, now: float) -> None:
        """Publish `health` at once if something fails, otherwise at intervals."""
        sound = self._voice.health()
        health = self._health_shown(sound)
        before, since = self._health, now - self._health_at
        failed = (health.microphone, health.language_model_error) != (
            *(before.microphone, before.language_model_error),
        )
        lost_sound = health.overruns > before.overruns and since >= LOST_SOUND_EVERY_S
        if failed or lost_sound or since >= HEALTH_EVERY_S:
            self._health, self._health_at = health, now
            self._publish(self._topics.health, encode(self._payload(health, sound)), repeat=True)

    def health(self) -> Health:
        """The present content of the topic `health`."""
        sound = self._voice.health()
        return self._payload(self._health_shown(sound), sound)

    def _health_shown(self, sound: SoundHealth | None) -> _HealthShown:
        model = self._language_model
        return _HealthShown(
            self._voice.state,
            0 if sound is None else sound.overruns,
            None if model is None else model.fault,
        )

    def _payload(self, health: _HealthShown, sound: SoundHealth | None) -> Health:
        return Health(
            uptime_s=self.uptime(),
            mqtt=self._mqtt.health(),
            microphone=health.microphone,
            sound=sound,
            memory_mb=self._board.reading.memory_used_mb,
            waiting_jobs=sum(self._queue.depth()),
            language_model_error=health.language_model_error,
            notices=image_messages.read(),
        )

    def _publish_partial(self, partial: Partial) -> None:
        self._publisher.publish(Message(self._topics.partial, encode(partial), fleeting=True))

    def _publish(self, topic: str, payload: bytes, *, repeat: bool = False) -> None:
        self._publisher.publish_retained(retained(topic, payload), repeat=repeat)
