"""The figures of the whole house, for who reads metrics."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from appliance.daemon.status_publisher import StatusPublisher
    from appliance.jobs.job_queue import JobQueue
    from appliance.requests.mqtt_service import MqttService
    from appliance.system.metrics_server import Figures
    from appliance.values import Job, Result


PATIENCE_S = 60.0
"""As long as systemd's watchdog waits."""


class MetricsCollector:
    """Counts the jobs that pass by, and answers on `metrics.listen`, if the owner wants it."""

    def __init__(
        self, listen: str, announcer: StatusPublisher, postman: MqttService, jobs: JobQueue
    ) -> None:
        self._listen = listen
        self._announcer = announcer
        self._postman = postman
        self._jobs = jobs
        self.note: Callable[[Job, Result], None] = lambda _job, _result: None
        """To be called with each job that has ended; from any thread."""

    def served(self) -> AbstractContextManager[None]:
        """From now until its end; nothing where the owner wants none, which costs nothing."""
        if not self._listen:
            return contextlib.nullcontext()
        from appliance.system.metrics_server import MetricsServer  # noqa: PLC0415 - it costs time and memory

        metrics = MetricsServer(self.figures)
        self.note = metrics.note
        return metrics.served(self._listen)

    def figures(self) -> Figures:
        """Everything as it is now."""
        from appliance.system.metrics_server import Figures  # noqa: PLC0415

        health, depth = self._postman.health(), self._jobs.depth()
        return Figures(
            reading=self._announcer.situation().reading,
            pace=self._announcer.pace(),
            speech_waiting=depth.speech,
            requests_waiting=depth.requests,
            outbox_rows=health.outbox_rows,
            outbox_bytes=health.outbox_bytes,
            # Not absent: nothing has waited for nought seconds, and a graph has no gaps.
            outbox_oldest_s=health.outbox_oldest_s or 0.0,
            inbox_rows=health.inbox_rows,
            dropped={
                "outbox_full": health.dropped,
                "refused_by_broker": health.refused,
                "request_rejected": health.rejected,
                "request_overrun": health.overrun,
            },
            connected=health.connected,
            uptime_s=self._announcer.uptime(),
            not_live=self._not_live(),
            not_ready="it is starting" if self._announcer.starting() else health.journal_error,
        )

    def _not_live(self) -> str | None:
        silence = self._announcer.silence()
        return None if silence < PATIENCE_S else f"nothing has moved for {silence:.0f} s"
