"""What is in force, and may change while the appliance runs: sentences, and a few keys."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from appliance.config import load
from appliance.errors import ConfigError, SentencesError
from appliance.pipeline import engine_factory
from appliance.sentences.file_watch import SentenceFileWatch
from appliance.system import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appliance.config import Config
    from appliance.sentences.sentence_set import SentenceSet

logger = logging.getLogger(__name__)

RELOADED = frozenset({"log.level", "sentences.folder", "sentences.builtin", "telemetry.every_s"})
"""Keys that SIGHUP applies; the sentence files themselves are read again, too."""

WATCH_EVERY = 2.0
"""Seconds between two looks at the sentence files."""


class LiveSettings:
    """The configuration and the sentences in force; a mistake in a new one changes nothing."""

    def __init__(
        self, path: Path, config: Config, on_change: Callable[[Config, SentenceSet], None]
    ) -> None:
        """Read the sentences; `on_change` gets what is in force from each change on."""
        self._path = path
        self._on_change = on_change
        self.config = config
        self._watch = SentenceFileWatch(engine_factory.sentence_folder(config))
        self.sentences = engine_factory.load_sentences(config)
        self.fault = ""
        """What the operator should look at, in front of the status line."""
        self._watch_at = 0.0

    def reload(self) -> bool:
        """Take over what can be changed while running; whether the new file is in force."""
        try:
            asked = load(self._path)
            needs_restart = sorted(_changed_keys(self.config, asked) - RELOADED)
            self._take_over(_with_reloaded(self.config, asked))
        except (ConfigError, SentencesError) as error:
            logger.error("not reloaded, the old settings stay in force:\n%s", error)  # noqa: TRY400
            self.fault = "reload failed, see the log; "
            return False
        self.fault = ""
        logs.set_level(asked.log.level)
        if needs_restart:
            keys = ", ".join(needs_restart)
            logger.warning("changed, but only a restart applies it: %s", keys)
        logger.info("reloaded: %d intents", len(self.sentences.declared))
        return True

    def watch(self) -> None:
        """Have a changed sentence file in force within seconds; a wrong one changes nothing."""
        now = time.monotonic()
        if now < self._watch_at:
            return
        self._watch_at = now + WATCH_EVERY
        if not self._watch.has_changed():
            return
        try:
            self._take_over(self.config)
        except SentencesError as error:
            logger.error("the changed sentences cannot be used, the old stay in force:\n%s", error)  # noqa: TRY400
            self.fault = "the changed sentences cannot be used, see the log; "
        else:
            self.fault = ""
            logger.info("the sentences have changed: %d intents", len(self.sentences.declared))

    def _take_over(self, config: Config) -> None:
        # Looked at first: what is saved while a large grammar is compiled is a change, too.
        watch = SentenceFileWatch(engine_factory.sentence_folder(config))
        sentences = engine_factory.load_sentences(config)
        self._on_change(config, sentences)
        self.config, self.sentences, self._watch = config, sentences, watch


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
