"""Whether the files that the configuration names are there, and are what they should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from appliance.doctor.check_result import CheckContext, CheckResult, error, ok, warning
from appliance.engines.llama import gguf_file
from appliance.engines.tts import piper
from appliance.engines.wake_word import wake_words
from appliance.errors import ApplianceError, ConfigError, EngineError, ModelMissing
from appliance.models import catalogue
from appliance.models.store import Store, is_path
from appliance.mqtt import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.config import Config


def files(place: CheckContext) -> Iterator[CheckResult]:
    """An error for each without which the appliance does not start; else one answer for all.

    Models and sentences have questions of their own; `model_files` is a quick one.
    """
    config = place.config
    complaints = [
        *_broker(config),
        *_language_model(config),
        *_wake_words(config),
        *_voice(config),
    ]
    yield from complaints or [ok("files", "those that the configuration names are there")]


def model_files(place: CheckContext) -> Iterator[CheckResult]:
    """Whether the models that the configuration names are there, by name and size; nothing is read.

    One of the catalogue that is not is a warning: the configuration is right, and a pull is due.
    """
    config = place.config
    store = Store(config.models_directory)
    for name in config.models:
        own = is_path(name) or name not in catalogue.models()
        try:
            _suits(name, config)
            path = store.quick_path_of(name)
            if is_path(name):
                _look_at(path, name, config)
        except ApplianceError as failure:
            wrong = own or isinstance(failure, EngineError)
            yield (error if wrong else warning)("models", str(failure))


def _suits(name: str, config: Config) -> None:
    """Whether a speech model of the catalogue is one, and knows the language."""
    keys = {"speech.model": config.speech.model, "speech.second_model": config.speech.second_model}
    known, language = catalogue.models().get(name), config.device.language.split("-")[0]
    for key in (key for key, value in keys.items() if value == name):
        if known is not None and known.task != "speech-to-text":
            raise EngineError(f"{key}: {name} is no model for speech; see: appliance models list")
        if known is not None and not {language, "mul"} & set(known.languages):
            raise EngineError(f"{key}: {name} knows no {language}; see: appliance models list")


def _look_at(path: Path, name: str, config: Config) -> None:
    """Whether an owner's own model can be one."""
    if name == config.language_model.model and config.language_model.enabled:
        gguf_file.check(path, "language_model.model")
        return
    # Imported here: it takes its library a while, and few have a model of their own.
    from appliance.engines.whisper.model import missing_from  # noqa: PLC0415

    if missing := missing_from(path):
        absent = ", ".join(missing)
        key = "speech.model" if name == config.speech.model else "speech.second_model"
        raise EngineError(f"no Whisper model in {path}: {absent} missing; correct {key}")


def _broker(config: Config) -> Iterator[CheckResult]:
    looks: tuple[Callable[[], object], ...] = (
        lambda: credentials.password(config.mqtt),
        lambda: credentials.tls_context(config.mqtt),
    )
    for look in looks:
        try:
            look()
        except ConfigError as failure:
            for problem in failure.problems:
                yield error("files", problem)


def _language_model(config: Config) -> Iterator[CheckResult]:
    adapter = config.language_model.adapter
    if adapter and config.language_model.enabled:
        try:
            gguf_file.check(Path(adapter).expanduser(), "language_model.adapter")
        except ApplianceError as failure:
            yield error("files", str(failure))


def _wake_words(config: Config) -> Iterator[CheckResult]:
    """Where they are not waited for just now, a request may want them at any time."""
    judged = error if config.listening.trigger == "wake_word" else warning
    for word in config.wake_word.words:
        try:
            wake_words.find([word], {})
        except ModelMissing as failure:
            yield judged("files", str(failure))


def _voice(config: Config) -> Iterator[CheckResult]:
    speaking = config.speaking
    named = speaking.engine == "piper" or speaking.voice.endswith(".onnx")
    if not named or speaking.engine in ("off", "espeak-ng"):
        return
    try:
        piper.file_of(speaking.voice)
    except EngineError as failure:
        if speaking.engine == "piper":
            yield error("files", str(failure))
        else:
            yield warning("files", f"{failure}; espeak-ng speaks instead")
