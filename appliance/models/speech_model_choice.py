"""Chooses the speech model for `auto`, by language and installed models."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from appliance.config import AUTO
from appliance.errors import ApplianceError
from appliance.models.store import Store
from appliance.text.language_codes import whisper_code

if TYPE_CHECKING:
    from appliance.config import Config

logger = logging.getLogger(__name__)

ENGLISH_MODEL = "whisper-tiny.en"
"""The model for English. Of 220 orders it understood more than whisper-base, in less time, and as
many as both together: docs/measurements/accuracy.md."""

MULTILINGUAL_MODEL = "whisper-base"
"""The smallest model that knows other languages well enough; it knows English, too."""


def wanted_model(config: Config) -> str:
    """The name in `speech.model`; in place of `auto` the model for the language."""
    if config.speech.model != AUTO:
        return config.speech.model
    english = whisper_code(config.device.language) == "en"
    return ENGLISH_MODEL if english else MULTILINGUAL_MODEL


def usable_model(config: Config) -> str:
    """As `wanted_model`, but `auto` is the multilingual model if only that is installed."""
    wanted = wanted_model(config)
    if config.speech.model != AUTO or _is_installed(wanted, config):
        return wanted
    return MULTILINGUAL_MODEL if _is_installed(MULTILINGUAL_MODEL, config) else wanted


def with_model(config: Config, name: str) -> Config:
    """The configuration with this speech model, which is never its own second one."""
    second = config.speech.second_model
    speech = msgspec.structs.replace(
        config.speech, model=name, second_model="" if second == name else second
    )
    return msgspec.structs.replace(config, speech=speech)


def with_usable_model(config: Config) -> Config:
    """The configuration with a model's name in place of `auto`; it logs a missing wanted model."""
    found = usable_model(config)
    if advice := advice_on(found, config):
        logger.warning("%s", advice)
    return with_model(config, found)


def advice_on(used: str, config: Config) -> str:
    """The model to install, if the wanted one is not in use; otherwise empty."""
    wanted = wanted_model(config)
    if used == wanted:
        return ""
    return (
        f"speech model {wanted} is not installed, so {used} is used; "
        f"run: appliance models pull {wanted}"
    )


def _is_installed(name: str, config: Config) -> bool:
    try:
        Store(config.models_directory).quick_path_of(name)
    except ApplianceError:
        return False
    return True
