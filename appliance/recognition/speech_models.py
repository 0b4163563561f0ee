"""Loads the speech models that the configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.config import COMMAND_PRIOR
from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.engines.whisper.model import Whisper
from appliance.errors import EngineError
from appliance.models.store import Store
from appliance.recognition.free_recogniser import FreeRecogniser
from appliance.recognition.grammar_recogniser import GrammarRecogniser, SecondModel

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.protocols import Transcriber
    from appliance.recognition.recogniser_interface import Recogniser


@dataclass(frozen=True, slots=True)
class SpeechModels:
    """The loaded speech models."""

    recogniser: Recogniser
    """Recognises one of the declared sentences."""
    transcriber: Transcriber
    """Transcribes any words."""
    no_speech_threshold: float = 0.6
    """Above this probability that nobody spoke, a transcript counts as silence."""


class SpeechModelLoader:
    """Loads the speech models in the calling thread; it takes seconds."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def load(self) -> SpeechModels:
        """Load and warm up.

        Raises:
            ModelMissing: a model is not there.
            EngineError: a model cannot be opened, or does not know the language.

        """
        whisper = open_transcriber(self._config)
        threshold = self._config.speech.no_speech_threshold
        if not self._config.speech.grammar:
            return SpeechModels(FreeRecogniser(whisper, threshold), whisper, threshold)
        return SpeechModels(open_recogniser(self._config, whisper), whisper, threshold)


def open_transcriber(config: Config) -> Whisper:
    """The speech model, loaded."""
    return _open_whisper(config, config.speech.model, "speech.model")


def open_recogniser(config: Config, whisper: Whisper) -> GrammarRecogniser:
    """The recogniser for declared sentences, with the second model if configured."""
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
        prior={str(name): value for name, value in (COMMAND_PRIOR | speech.prior).items()},
        second=second,
    )


def _open_whisper(config: Config, name: str, key: str) -> Whisper:
    """`key` is the configuration key that names the model."""
    whisper = Whisper(
        Store(config.models_directory).path_of(name),
        compute_type=config.speech.compute_type,
        threads=config.threads,
        cache_folder=config.state_directory / "speech",
    )
    try:
        whisper.warm_up(config.device.language)
    except EngineError as error:
        raise EngineError(f"{error}; see {key} and device.language") from error
    return whisper
