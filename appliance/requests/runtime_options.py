"""Settings that requests change at run time, only within the limits of the configuration."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from appliance.errors import RequestError
from appliance.events import SettingsChanged
from appliance.listening.mute_state import MutedBy
from appliance.system import logs

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.events import EventBus
    from appliance.listening.voice_input import VoiceInput
    from appliance.messages.request_payloads import MicrophoneRequest, OptionsRequest

logger = logging.getLogger(__name__)

OPENNESS = {"off": 0, "button": 1, "request": 1, "wake_word": 2, "always": 3}
"""Rank of each value of listening.trigger, by how easily it opens the microphone."""

MUTED_ELSEWHERE = "the button has muted the microphone, and only the button can undo that"


class RuntimeOptions:
    """The current values of the options. Any thread may call it."""

    def __init__(self, config: Config, voice: VoiceInput, events: EventBus) -> None:
        self._telemetry_every_s = config.telemetry.every_s
        self._configured_level = config.log.level
        self._configured_trigger = config.listening.trigger
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
        """Set the options that the request has.

        Raises:
            RequestError: the configuration does not allow the level `debug`.

        """
        if form.log_level == "debug" and self._configured_level != "debug":
            raise RequestError(
                "unsupported",
                'the level debug writes what was said into the log; only log.level = "debug" in '
                "config.toml allows it",
            )
        if form.log_level is not None:
            logs.set_level(form.log_level)
            _log_change("log_level", form.log_level)
        if form.telemetry_every_s is not None:
            self._telemetry_every_s = form.telemetry_every_s
            _log_change("telemetry_every_s", form.telemetry_every_s)
        self._events.emit(SettingsChanged())

    def apply_to_microphone(self, form: MicrophoneRequest) -> None:
        """Mute the microphone, undo a mute of a request, or choose a stricter trigger.

        Raises:
            RequestError: it would open what the configuration or the button closed.
            EngineError: the trigger requires a wake word, and none is loaded.

        """
        limit = self._configured_trigger
        if form.trigger is not None and OPENNESS[form.trigger] > OPENNESS[limit]:
            raise RequestError(
                "unsupported",
                f'listening.trigger = "{limit}" in config.toml does not allow "{form.trigger}"',
            )
        if form.trigger is not None:
            self._voice.use_trigger(form.trigger)
            _log_change("trigger", form.trigger)
        if form.muted is not None and form.muted != self._voice.is_muted_by(MutedBy.REQUEST):
            self._voice.mute(MutedBy.REQUEST, muted=form.muted)
            logger.warning("muted by request: %s; a restart does not change that", form.muted)
        self._events.emit(SettingsChanged())
        if form.muted is False and self._voice.muted:
            raise RequestError("unsupported", MUTED_ELSEWHERE)

    def use_config(self, config: Config) -> None:
        """Follow the configuration after it was reloaded."""
        self._telemetry_every_s = config.telemetry.every_s
        self._configured_level = config.log.level
        self._events.emit(SettingsChanged())


def _log_change(name: str, value: object) -> None:
    logger.warning("option %s is now %s, until the next start", name, value)
