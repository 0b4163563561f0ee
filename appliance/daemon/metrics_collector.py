"""Collects metrics from the whole daemon, if `metrics.listen` asks for them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from appliance.events import JobFinished
from appliance.system import kept_faults

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from appliance.config import MetricsSettings
    from appliance.daemon.status_publisher import StatusPublisher
    from appliance.events import Event, EventBus
    from appliance.jobs.job_queue import JobQueue
    from appliance.listening.voice_input import VoiceInput
    from appliance.protocols import LanguageModel
    from appliance.requests.mqtt_thread import MqttService
    from appliance.system.board_monitor import BoardMonitor
    from appliance.system.metrics_server import Figures, MetricsServer

WATCHDOG_S = 60.0
"""Seconds; as long as systemd's watchdog waits."""


class MetricsCollector:
    """Counts finished jobs, and reads everything else when it is asked."""

    def __init__(  # noqa: PLR0913  (what it reads from)
        self,
        status: StatusPublisher,
        mqtt: MqttService,
        queue: JobQueue,
        board: BoardMonitor,
        events: EventBus,
        *,
        voice: VoiceInput,
        language_model: LanguageModel | None,
        state_directory: Path,
    ) -> None:
        self._voice = voice
        self._language_model = language_model
        self._state_directory = state_directory
        self._status = status
        self._mqtt = mqtt
        self._queue = queue
        self._board = board
        self._events = events

    def serve(self, settings: MetricsSettings) -> AbstractContextManager[None]:
        """Answer on the address until the end; nothing, at no cost, if it is empty."""
        if not settings.listen:
            return contextlib.nullcontext()
        # Imported only if it is used, because it costs time and memory.
        from appliance.system.metrics_server import MetricsServer  # noqa: PLC0415

        server = MetricsServer(self.figures)
        self._events.subscribe(_JobCounter(server))
        return server.served(settings.listen, settings.allow)

    def figures(self) -> Figures:
        """The present value of every metric."""
        from appliance.system.metrics_server import Figures  # noqa: PLC0415

        health, depth = self._mqtt.health(), self._queue.depth()
        return Figures(
            reading=self._board.reading,
            pace=self._board.pace,
            speech_waiting=depth.speech,
            requests_waiting=depth.requests,
            outbox_rows=health.outbox_rows,
            outbox_bytes=health.outbox_bytes,
            # 0 s if nothing waits, so that a graph has no gaps.
            outbox_oldest_s=health.outbox_oldest_s or 0.0,
            inbox_rows=health.inbox_rows,
            dropped={
                "outbox_full": health.dropped,
                "refused_by_broker": health.refused,
                "request_rejected": health.rejected,
                "request_overrun": health.overrun,
            },
            connected=health.connected,
            microphone=self._voice.state,
            model_restarts=0 if self._language_model is None else self._language_model.restarts,
            faults=sum(fault.times for fault in kept_faults.read(self._state_directory)),
            set_aside=health.set_aside,
            damaged_journals=health.damaged_journals,
            uptime_s=self._status.uptime(),
            not_live=self._not_live(),
            not_ready="it is starting" if self._status.starting else health.journal_error,
        )

    def _not_live(self) -> str | None:
        silence = self._status.silence()
        return None if silence < WATCHDOG_S else f"nothing has moved for {silence:.0f} s"


class _JobCounter:
    def __init__(self, server: MetricsServer) -> None:
        self._server = server

    def on_event(self, event: Event) -> None:
        if isinstance(event, JobFinished):
            self._server.count_job(event.job, event.result)
