"""Whether the files that the configuration names exist and can be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from appliance.config import saved_in_force
from appliance.doctor.check_result import CheckContext, CheckResult, error, ok, warning
from appliance.engines.llama import model_file_check
from appliance.engines.tts import piper
from appliance.engines.wake_word import wake_words
from appliance.errors import ApplianceError, ConfigError, EngineError, ModelMissing
from appliance.fleet import signature
from appliance.models import catalogue
from appliance.models.store import Store, is_path
from appliance.mqtt import credentials
from appliance.text.language_codes import whisper_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.config import Config


def files(context: CheckContext) -> Iterator[CheckResult]:
    """An error for each file without which the appliance does not start, or one OK for all.

    Models and sentences have questions of their own.
    """
    config = context.config
    problems = [
        *_broker(config),
        *_language_model(config),
        *_wake_words(config),
        *_voice(config),
        *_fleet(config),
        *(warning("files", found) for found in config.without_effect),
    ]
    yield from problems or [ok("files", "all files that the configuration names can be used")]


def saved_settings(context: CheckContext) -> Iterator[CheckResult]:
    """The settings that the page keeps beside config.toml; nothing is said if there are none."""
    if context.config_path is None:
        return
    try:
        saved = saved_in_force(context.config_path)
    except OSError as failure:
        yield error("page settings", f"{context.config_path} cannot be read: {failure.strerror}")
        return
    if saved.problem:
        advice = "remove them: appliance page settings --remove-all"
        yield warning("page settings", f"none of them counts: {saved.problem}", advice)
    elif saved.names:
        found = f"count before config.toml: {', '.join(saved.names)}"
        yield ok("page settings", found)


def model_files(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the configured models exist, by name and size; quick, as nothing is read.

    A missing model of the catalogue is only a warning: the configuration is right.
    """
    config = context.config
    store = Store(config.models_directory)
    for name in config.models:
        own = is_path(name) or name not in catalogue.names_to_pull()
        try:
            _check_catalogue_model(name, config)
            path = store.quick_path_of(name)
            if is_path(name):
                _check_own_model(path, name, config)
        except ApplianceError as failure:
            wrong = own or isinstance(failure, EngineError)
            yield (error if wrong else warning)("models", str(failure))


def _check_catalogue_model(name: str, config: Config) -> None:
    """EngineError if a catalogue model is not for speech or does not support the language."""
    keys = {"speech.model": config.speech.model, "speech.second_model": config.speech.second_model}
    known = catalogue.models().get(name) or catalogue.hub_models().get(name)
    language = config.device.language
    for key in (key for key, value in keys.items() if value == name):
        if known is not None and known.task != "speech-to-text":
            raise EngineError(f"{key}: {name} is not a speech model; see: appliance models list")
        if known is not None and not {whisper_code(language), "mul"} & set(known.languages):
            raise EngineError(
                f"{key}: {name} does not support {language!r}; see: appliance models list"
            )


def _check_own_model(path: Path, name: str, config: Config) -> None:
    """EngineError if the owner's own model cannot be used."""
    if name == config.language_model.model and config.language_model.enabled:
        model_file_check.check(path, "language_model.model")
        return
    # Imported here: its library is slow to load, and few owners have a model of their own.
    from appliance.engines.whisper.model import missing_from  # noqa: PLC0415

    if missing := missing_from(path):
        absent = ", ".join(missing)
        key = "speech.model" if name == config.speech.model else "speech.second_model"
        raise EngineError(f"{path} is not a Whisper model: {absent} missing; correct {key}")


def _broker(config: Config) -> Iterator[CheckResult]:
    readers: tuple[Callable[[], object], ...] = (
        lambda: credentials.password(config.mqtt),
        lambda: credentials.tls_context(config.mqtt),
    )
    for read in readers:
        try:
            read()
        except ConfigError as failure:
            for problem in failure.problems:
                yield error("files", problem)


def _language_model(config: Config) -> Iterator[CheckResult]:
    adapter = config.language_model.adapter
    if adapter and config.language_model.enabled:
        try:
            model_file_check.check(Path(adapter).expanduser(), "language_model.adapter")
        except ApplianceError as failure:
            yield error("files", str(failure))


def _wake_words(config: Config) -> Iterator[CheckResult]:
    """A missing wake word is only a warning with another trigger: requests may select it."""
    report = error if config.listening.trigger == "wake_word" else warning
    for word in config.wake_word.words:
        try:
            wake_words.find([word], {})
        except ModelMissing as failure:
            yield report("files", str(failure))


def _fleet(config: Config) -> Iterator[CheckResult]:
    if config.fleet.public_key:
        problem = signature.problem_with(Path(config.fleet.public_key).expanduser())
        if problem:
            yield warning("files", problem, "until then no bundle is taken")


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
            yield warning("files", f"{failure}; espeak-ng is used instead")
