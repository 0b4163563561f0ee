"""The parts of the daemon that the views of the page show and use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.config import Config
    from appliance.jobs.client_jobs import ClientJobs
    from appliance.jobs.job_queue import JobQueue
    from appliance.listening.voice_input import VoiceInput
    from appliance.page.board_history import BoardHistory
    from appliance.page.board_view import HealthSource
    from appliance.page.observed_activity import ObservedActivity
    from appliance.page.operations import PageOperations
    from appliance.system.board_monitor import BoardMonitor
    from appliance.system.log_ring import LogRing
    from appliance.timers.timer_service import TimerService


@dataclass(frozen=True, slots=True, kw_only=True)
class PageServices:
    """Made in `daemon/wiring.py`; the views belong to the event loop of the HTTP server."""

    config: Config
    config_path: Path
    """Of config.toml."""
    activity: ObservedActivity
    voice: VoiceInput
    jobs: ClientJobs
    operations: PageOperations
    timers: TimerService
    board: BoardMonitor
    history: BoardHistory
    queue: JobQueue
    status: HealthSource
    log: LogRing
