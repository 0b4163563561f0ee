"""The settings that `request/options` changes while the appliance runs, until the next start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from appliance.events import SettingsChanged
from appliance.system import logs

if TYPE_CHECKING:
    from appliance.events import EventBus
    from appliance.listening.voice_input import VoiceInput
    from appliance.messages.request_payloads import OptionsRequest

logger = logging.getLogger(__name__)


class RuntimeOptions:
    """The current values of the options. Any thread may call it."""

    def __init__(self, telemetry_every_s: float, voice: VoiceInput, events: EventBus) -> None:
        self._telemetry_every_s = telemetry_every_s
        self._voice = voice
        self._events = events

    @property
    def telemetry_every_s(self) -> float:
        """Seconds between two publications of `telemetry` if nothing changes."""
        return self._telemetry_every_s

    def current(self) -> dict[str, Any]:
        """Return every option with its value."""
        return {
            "log_level": logs.level(),
            "telemetry_every_s": self._telemetry_every_s,
            "muted": self._voice.muted,
            "trigger": self._voice.trigger,
        }

    def apply(self, form: OptionsRequest) -> None:
        """Set the options that the form has.

        Raises:
            EngineError: the trigger requires a wake word, and none is loaded.

        """
        before = self.current()
        changes = {name: getattr(form, name) for name in before}
        try:
            for name, value in changes.items():
                if value is not None and value != before[name]:
                    self._set(name, value)
                    logger.warning("option %s is now %s, until the next start", name, value)
        finally:
            self._events.emit(SettingsChanged())

    def use_telemetry_interval(self, seconds: float) -> None:
        """Set `telemetry_every_s` after the configuration was reloaded."""
        self._telemetry_every_s = seconds
        self._events.emit(SettingsChanged())

    def _set(self, name: str, value: Any) -> None:
        match name:
            case "log_level":
                logs.set_level(value)
            case "telemetry_every_s":
                self._telemetry_every_s = value
            case "muted":
                self._voice.mute(muted=bool(value))
            case "trigger":
                self._voice.use_trigger(value)
