"""The engines, from the configuration: what the daemon and the commands think with."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.audio import decode
from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.endpointing.segmenter import segments_in
from appliance.engines.llama.client import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.engines.silero import Silero
from appliance.engines.whisper.model import Whisper
from appliance.errors import EngineError
from appliance.fallback.cascade import Cascade
from appliance.fallback.chat_history import ChatHistory
from appliance.models.store import Store
from appliance.pipeline.engine_context import EngineContext
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.free_recogniser import FreeRecogniser
from appliance.recognition.grammar_recogniser import GrammarRecogniser, SecondModel
from appliance.sentences import sentence_set as sentence_files
from appliance.system.governor import threads_at
from appliance.values import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.config import Config
    from appliance.protocols import LanguageModel
    from appliance.recognition.recogniser import Heard, Recogniser
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Samples, Transcript

logger = logging.getLogger(__name__)

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
"""What libraries of ours look at before they would reach for a network."""


ONLY_TEXT = "only text is worked on here, and this is sound"


def go_offline() -> None:
    """Close every hub switch, for this process and its children."""
    os.environ.update(OFFLINE)


def load_sentences(config: Config) -> SentenceSet:
    """The operator's sentences; SentencesError with every problem in them."""
    loaded = sentence_files.load(
        sentence_folder(config), config.device.language, builtin=config.sentences.builtin
    )
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
    return {name: store.path_of(name) for name in config.models}


def open_transcriber(config: Config) -> Whisper:
    """The speech recogniser, loaded."""
    return _open_whisper(config, config.speech.model, "speech.model")


def _open_whisper(config: Config, name: str, key: str) -> Whisper:
    """`key` is where the owner chose it."""
    folder = Store(config.models_directory).path_of(name)
    whisper = Whisper(
        folder,
        compute_type=config.speech.compute_type,
        threads=config.threads,
        cache_folder=config.state_directory / "speech",
    )
    try:
        whisper.warm_up(config.device.language)
    except EngineError as error:
        raise EngineError(f"{error}; see {key} and device.language") from error
    return whisper


def open_language_model(config: Config) -> Llama | None:
    """The language model; None where none is wanted. It starts at `start()` or its first use.

    The caller closes it, in the thread that used it first.
    """
    settings = config.language_model
    if not settings.enabled:
        return None
    path = Store(config.models_directory).path_of(settings.model)
    folder = config.state_directory / "language-model"
    return Llama(ServerLauncher(path, settings, config.threads, folder), name=settings.model)


def open_recogniser(config: Config, whisper: Whisper) -> GrammarRecogniser:
    """What holds speech to the sentences, with the second model where one is wanted."""
    speech = config.speech
    second = None
    if speech.second_model and speech.second_model != speech.model:  # `evaluate --stt` names it
        other = _open_whisper(config, speech.second_model, "speech.second_model")
        second = SecondModel(other, Calibration.of(speech.second_calibration))
    return GrammarRecogniser(
        whisper,
        limits=RejectionLimits(
            no_speech=speech.no_speech_threshold,
            least_confidence=speech.least_confidence,
            second_model_below=speech.second_below,
        ),
        calibration=Calibration.of(speech.calibration),
        cache=config.state_directory / "grammars",
        second=second,
    )


def open_mind(
    config: Config, sentences: SentenceSet, language_model: LanguageModel | None
) -> EngineContext:
    """All that turns work into results."""
    transcriber = open_transcriber(config)
    detector = Silero()

    def speech_seconds(samples: Samples) -> float:
        segments = segments_in(samples, detector, config.listening)
        return sum((segment.speech_seconds for segment in segments), 0.0)

    recogniser: Recogniser
    if config.speech.grammar:
        recogniser = open_recogniser(config, transcriber)
        recogniser.prepare(sentences)
    else:
        recogniser = FreeRecogniser(transcriber, config.speech.no_speech_threshold)
    return EngineContext(
        recogniser=recogniser,
        transcriber=transcriber,
        sentences=sentences,
        language_model=language_model,
        decode=functools.partial(
            decode.decode,
            maximum_seconds=config.requests.maximum_audio_s,
            maximum_bytes=config.requests.maximum_bytes,
        ),
        answers_speech=config.language_model.answers_speech,
        no_speech_threshold=config.speech.no_speech_threshold,
        speech_seconds=speech_seconds,
        ease=functools.partial(_ease, transcriber, language_model, config.threads),
        **_words(config),
    )


def _ease(whisper: Whisper, language_model: LanguageModel | None, threads: int, pace: Pace) -> None:
    """Fewer threads where an engine can change them, and nothing done twice.

    CTranslate2 keeps the threads that it was loaded with; the sentences are understood in full at
    every pace.
    """
    whisper.allow_full_window = pace is Pace.FULL
    if isinstance(language_model, Llama):
        language_model.active_threads = threads_at(pace, threads)


def _words(config: Config) -> dict[str, Any]:
    """What a mind is made of, where it works on words."""
    settings = config.language_model
    return {
        "cascade": Cascade(config.cascade, repairs_speech=not config.speech.grammar),
        "sessions": ChatHistory(settings.session_turns, settings.session_minutes),
        "tells_time": settings.tells_time,
    }


def take_over(mind: EngineContext, sentences: SentenceSet) -> None:
    """Put new sentences in force, with all that is made of them; nobody who speaks meets a half.

    Raises:
        SentencesError: no grammar can be made of them; the old ones stay in force.

    """
    if isinstance(mind.recogniser, GrammarRecogniser | EarlyRecogniser):
        mind.recogniser.prepare(sentences)
    mind.sentences = sentences
    # Without the model: it is for the worker's thread alone, and this may be another.
    mind.cascade.prepare(sentences, None)


def sentence_folder(config: Config) -> Path | None:
    """The owner's own, or None for the starter set."""
    return Path(config.sentences.folder).expanduser() if config.sentences.folder else None


def prepare_cascade(config: Config, mind: EngineContext) -> None:
    """Have ready what the first text that no sentence fits would have to wait for."""
    model = mind.language_model
    open_ = isinstance(model, Llama) and config.language_model.load == "start" and not model.fault
    try:
        mind.cascade.prepare(mind.sentences, model if open_ else None)
    except EngineError as error:
        logger.warning("the language model cannot choose among the intents: %s", error)


@contextlib.contextmanager
def mind(config: Config, *, hears: bool = True) -> Iterator[EngineContext]:
    """The same for one command; without `hears`, for text alone, which spares loading Whisper."""
    sentences = load_sentences(config)
    with contextlib.ExitStack() as closing:
        model = open_language_model(config)
        if model is not None:
            closing.callback(model.close)
        if hears:
            yield open_mind(config, sentences, model)
        else:
            yield EngineContext(
                recogniser=_Deaf(),
                transcriber=_Deaf(),
                sentences=sentences,
                language_model=model,
                decode=_Deaf().decode,
                **_words(config),
            )


class _Deaf:
    """Stands where sound would be understood, for who only works on text."""

    name = "none"

    def transcribe(
        self, samples: Samples, language: str, stopping: Callable[[], bool] = lambda: False
    ) -> Transcript:
        raise EngineError(ONLY_TEXT)

    def recognise(
        self, samples: Samples, sentences: SentenceSet, stage: Callable[[str], None]
    ) -> Heard:
        raise EngineError(ONLY_TEXT)

    def decode(self, sound: bytes) -> Samples:
        raise EngineError(ONLY_TEXT)
