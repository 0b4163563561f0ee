"""Sentences, models and pipeline from the configuration, for the daemon and the commands."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from typing import TYPE_CHECKING, Any

from appliance.devices.declared_actions import check_actions
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.events import EventBus
from appliance.models.store import Store
from appliance.pipeline.pipeline import Pipeline
from appliance.recognition.service import RecognitionService
from appliance.recognition.speech_models import SpeechModelLoader
from appliance.sentences import sentence_set
from appliance.sentences.active_sentences import ActiveSentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from appliance.config import Config
    from appliance.sentences.sentence_set import SentenceSet

logger = logging.getLogger(__name__)

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
"""Switches of libraries that would otherwise reach for a network."""


def go_offline() -> None:
    """Close every hub switch, for this process and its children."""
    os.environ.update(OFFLINE)


def load_sentences(
    config: Config, more_values: Mapping[str, list[Any]] | None = None
) -> SentenceSet:
    """The operator's sentences; SentencesError with every problem in them.

    `more_values` are added to lists: the names and rooms of devices.
    """
    loaded = read_sentences(
        config,
        config.sentence_folder,
        config.device.language,
        included=config.sentences.included,
        cache=config.state_directory / "grammars",
        more_values=more_values,
    )
    _ = loaded.grammar  # compiled now: an error is reported here, and the first text need not wait
    for warning in loaded.warnings:
        logger.warning("%s", warning)
    return loaded


def read_sentences(
    config: Config,
    folder: Path | None,
    language: str,
    *,
    included: bool,
    cache: Path | None = None,
    more_values: Mapping[str, list[Any]] | None = None,
) -> SentenceSet:
    """The sentences of a folder, checked with their actions, not compiled yet.

    The arguments are those of `sentence_set.load`.

    Raises:
        SentencesError: every problem in them.

    """
    loaded = sentence_set.load(
        folder,
        language,
        builtin=config.sentences.builtin,
        area=config.device.area,
        included=included,
        cache=cache,
        more_values=more_values,
    )
    idle = check_actions(loaded.declared, DiscoveryRules.of(config), config.devices.discovery)
    return dataclasses.replace(loaded, warnings=(*loaded.warnings, *idle))


def find_models(config: Config) -> dict[str, Path]:
    """The path of each model that the configuration names.

    Raises:
        ModelMissing: one is not there.
        ModelDamaged: a file of one is not the published one.

    """
    store = Store(config.models_directory)
    return {name: store.path_of(name) for name in config.models}


def open_language_model(config: Config) -> Llama | None:
    """The language model, or None if it is not enabled; it starts at `start()` or its first use.

    The caller closes it, in the thread that used it first.
    """
    settings = config.language_model
    if not settings.enabled:
        return None
    path = Store(config.models_directory).path_of(settings.model)
    folder = config.state_directory / "language-model"
    return Llama(ServerLauncher(path, settings, config.threads, folder), name=settings.model)


@contextlib.contextmanager
def opened_pipeline(config: Config, *, hears: bool = True) -> Iterator[Pipeline]:
    """The daemon's pipeline for one command; without `hears` for text only, without Whisper."""
    sentences, events = ActiveSentences(load_sentences(config)), EventBus()
    model = open_language_model(config)
    recognition = None
    if hears:
        loader = SpeechModelLoader(config)
        recognition = RecognitionService(loader, sentences, events, model)
    pipeline = Pipeline(config, sentences, recognition, model, events)
    with contextlib.closing(pipeline):
        pipeline.open_speech()
        yield pipeline
