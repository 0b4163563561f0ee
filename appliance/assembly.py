"""The engines, from the configuration: what the daemon and the commands think with."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.audio import files
from appliance.audio.segmenter import segments_in
from appliance.engines.llama import Llama
from appliance.engines.silero import Silero
from appliance.engines.whisper import Whisper
from appliance.inference import sentences as sentence_files
from appliance.inference.mind import Mind
from appliance.inference.recogniser import FreeRecogniser
from appliance.models.store import Store

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.inference.sentences import Sentences
    from appliance.values import Samples

logger = logging.getLogger(__name__)

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
"""What libraries of ours look at before they would reach for a network."""


def go_offline() -> None:
    """Close every hub switch, for this process and its children."""
    os.environ.update(OFFLINE)


def load_sentences(config: Config) -> Sentences:
    """The operator's sentences; SentencesError with every problem in them."""
    folder = Path(config.sentences.folder).expanduser() if config.sentences.folder else None
    loaded = sentence_files.load(folder, config.device.language)
    for warning in loaded.warnings:
        logger.warning("%s", warning)
    return loaded


def find_models(config: Config) -> dict[str, Path]:
    """Where each model that the configuration names lies.

    Raises:
        ModelMissing: one is not there.
        ModelDamaged: a file of one is not the published one.

    """
    store = Store(config.models_directory)
    names = [config.speech.model]
    if config.language_model.enabled:
        names.append(config.language_model.model)
    return {name: store.path_of(name) for name in names}


def open_transcriber(config: Config) -> Whisper:
    """The speech recogniser, loaded."""
    folder = Store(config.models_directory).path_of(config.speech.model)
    return Whisper(folder, compute_type=config.speech.compute_type, threads=config.threads)


def open_language_model(config: Config) -> Llama | None:
    """The language model's process, started; None where the configuration wants none."""
    settings = config.language_model
    if not settings.enabled:
        return None
    path = Store(config.models_directory).path_of(settings.model)
    model = Llama(path, settings, config.threads)
    model.start()
    return model


def open_mind(
    config: Config, *, sentences: Sentences | None = None, language_model: Llama | None = None
) -> Mind:
    """All that turns work into results.

    The language model is the caller's, who must close it.
    """
    transcriber = open_transcriber(config)
    detector = Silero()

    def decode(sound: bytes) -> Samples:
        limits = config.requests
        return files.decode(
            sound, maximum_seconds=limits.maximum_audio_s, maximum_bytes=limits.maximum_bytes
        )

    def speech_seconds(samples: Samples) -> float:
        segments = segments_in(samples, detector, config.listening)
        return sum((segment.speech_seconds for segment in segments), 0.0)

    return Mind(
        recogniser=FreeRecogniser(transcriber, config.speech.no_speech_threshold),
        transcriber=transcriber,
        sentences=load_sentences(config) if sentences is None else sentences,
        language_model=language_model,
        decode=decode,
        no_speech_threshold=config.speech.no_speech_threshold,
        speech_seconds=speech_seconds,
    )
