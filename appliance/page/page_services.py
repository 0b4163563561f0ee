"""The parts of the daemon that the views of the page show and use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.clips.recent_recordings import RecentRecordings
    from appliance.config import Config
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.jobs.client_jobs import ClientJobs
    from appliance.jobs.job_queue import JobQueue
    from appliance.listening.voice_input import VoiceInput
    from appliance.page.board_history import BoardHistory
    from appliance.page.board_view import HealthSource
    from appliance.page.observed_activity import ObservedActivity
    from appliance.page.operations import PageOperations
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.system.board_monitor import BoardMonitor
    from appliance.system.log_ring import LogRing
    from appliance.timers.timer_service import TimerService


class CurrentSettings(Protocol):
    """The configuration after the last reload."""

    @property
    def config(self) -> Config:
        """The configuration with the changes of reloads since the start."""

    @property
    def fault(self) -> str:
        """Why the last reload was not possible; empty if it was."""

    def needs_restart(self, before: Config, after: Config) -> list[str]:
        """The keys that differ and that a reload does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageServices:
    """Made in `daemon/wiring.py`; the views belong to the event loop of the HTTP server."""

    config: Config
    """Configuration of the start."""
    config_path: Path
    """Path of config.toml."""
    settings: CurrentSettings
    sentences: ActiveSentences
    devices: DeviceRegistry | None
    """The devices; None if devices.discovery is off."""
    activity: ObservedActivity
    recordings: RecentRecordings
    voice: VoiceInput
    jobs: ClientJobs
    operations: PageOperations
    timers: TimerService
    board: BoardMonitor
    history: BoardHistory
    queue: JobQueue
    status: HealthSource
    log: LogRing
