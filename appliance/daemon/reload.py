"""Reloads sentences and a few configuration keys while the daemon runs."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from appliance.config import load, saved_in_force
from appliance.devices.owner_file_watch import OwnerFileWatch
from appliance.errors import ConfigError, SentencesError
from appliance.events import SettingsChanged
from appliance.models.speech_model_choice import with_usable_model
from appliance.pipeline.pipeline_factory import load_sentences
from appliance.sentences.file_watch import FileWatch
from appliance.system import logs

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.config import Config
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.events import EventBus
    from appliance.pipeline.pipeline import Pipeline
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.sentences.sentence_set import SentenceSet

logger = logging.getLogger(__name__)

RELOADED = frozenset(
    {"device.area", "log.level", "sentences.folder", "sentences.builtin", "sentences.included"}
    | {"telemetry.every_s"}
)
"""Keys that SIGHUP applies; the sentence files themselves are read again, too."""

WATCH_EVERY = 2.0
"""Seconds between two looks at the sentence files."""


class LiveSettings:
    """The active configuration and sentences; a mistake in new ones changes nothing."""

    def __init__(  # noqa: PLR0913  (what a reload changes)
        self,
        path: Path,
        config: Config,
        active: ActiveSentences,
        watch: FileWatch,
        pipeline: Pipeline,
        events: EventBus,
        *,
        devices: DeviceRegistry | None = None,
    ) -> None:
        """`active` holds the sentences of `config`, whose files `watch` has seen before.

        `pipeline` prepares others before they become active. `devices` add names and rooms.
        """
        self._path = path
        self._active = active
        self._pipeline = pipeline
        self._events = events
        self._devices = devices
        self._config = config
        self._watch = watch
        self._fault = ""
        file = config.devices_file or config.page_devices_file
        self._owner_file = None if devices is None else OwnerFileWatch(file, devices)
        self._watch_at = 0.0

    @property
    def fault(self) -> str:
        """Text in front of the status line about a fault that the operator should look at."""
        broken = self._owner_file is not None and self._owner_file.problem
        return self._fault + ("the devices file cannot be used, see the log; " if broken else "")

    @property
    def config(self) -> Config:
        """The active configuration."""
        return self._config

    @property
    def saved_names(self) -> tuple[str, ...]:
        """The keys that the page has saved beside config.toml, as far as they count."""
        try:
            return saved_in_force(self._path).names
        except (OSError, ConfigError):
            return ()

    @property
    def sentences(self) -> SentenceSet:
        """The active sentences."""
        return self._active.current

    def needs_restart(self, before: Config, after: Config) -> list[str]:
        """The keys that differ and that a reload does not apply."""
        return sorted(_changed_keys(before, after) - RELOADED)

    def reload(self) -> bool:
        """Read the configuration and the sentences again; whether they are active now."""
        if self._owner_file is not None:
            self._owner_file.read()
        try:
            asked = with_usable_model(load(self._path))
            needs_restart = self.needs_restart(self._config, asked)
            self._replace(_with_reloaded(self._config, asked))
        except (ConfigError, SentencesError) as error:
            logger.error("not reloaded, the old settings stay active:\n%s", error)  # noqa: TRY400
            self._fault = "reload failed, see the log; "
            return False
        self._fault = ""
        logs.set_level(asked.log.level)
        if needs_restart:
            keys = ", ".join(needs_restart)
            logger.warning("changed, but needs a restart: %s", keys)
        logger.info("reloaded: %d intents", len(self.sentences.declared))
        return True

    def watch(self) -> None:
        """Activate changed sentence files within seconds; a mistake in one changes nothing."""
        asked = self._active.reload_asked
        if not asked.is_set() and not self._something_changed():
            return
        asked.clear()
        try:
            self._replace(self._config)
        except SentencesError as error:
            message = "the changed sentences cannot be used, the old ones stay active:\n%s"
            logger.error(message, error)  # noqa: TRY400
            self._fault = "the changed sentences cannot be used, see the log; "
        else:
            self._fault = ""
            logger.info("the sentences have changed: %d intents", len(self.sentences.declared))

    def _something_changed(self) -> bool:
        now = time.monotonic()
        if now < self._watch_at:
            return False
        self._watch_at = now + WATCH_EVERY
        if self._owner_file is not None:
            self._owner_file.look()
        found = self._devices is not None and self._devices.has_settled()
        return self._watch.has_changed() or found

    def _replace(self, config: Config) -> None:
        # Read before the compilation, so that a file saved meanwhile counts as a change, too.
        watch = FileWatch(config.sentence_folder)
        values = None if self._devices is None else self._devices.lists()
        sentences = load_sentences(config, values)
        self._pipeline.prepare(sentences)
        self._active.replace(sentences)
        self._config, self._watch = config, watch
        self._events.emit(SettingsChanged())


def _with_reloaded(old: Config, new: Config) -> Config:
    """The old configuration with what a reload may change of the new one."""
    for name in RELOADED:
        section, key = name.split(".")
        table = msgspec.structs.replace(
            getattr(old, section), **{key: getattr(getattr(new, section), key)}
        )
        old = msgspec.structs.replace(old, **{section: table})
    return old


def _changed_keys(old: Config, new: Config) -> set[str]:
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return {
        f"{section}.{key}"
        for section, keys in after.items()
        for key, value in keys.items()
        if before[section][key] != value
    }
