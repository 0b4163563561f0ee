"""The questions of `appliance check`, and how each of them is answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.doctor import (
    board,
    broker,
    devices_file,
    files,
    models_sentences_microphone,
    offline,
    service,
)
from appliance.doctor.check_result import (
    CheckContext,
    CheckResult,
    error,
)
from appliance.errors import ApplianceError, ConfigError
from appliance.models.speech_model_choice import advice_on, usable_model, with_model
from appliance.system.sensors import board_root
from appliance.system.state_lock import holder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from appliance.config import Config

logger = logging.getLogger(__name__)

QUESTIONS: dict[str, Callable[[CheckContext], Iterator[CheckResult]]] = {
    "files": files.files,
    "page settings": files.saved_settings,
    "service": service.service,
    "sentences": models_sentences_microphone.sentences,
    "devices file": devices_file.devices_file,
    "model files": files.model_files,
    "models": models_sentences_microphone.models,
    "language model": models_sentences_microphone.language_model,
    "memory": board.memory,
    "disk": board.disk,
    "microphone": models_sentences_microphone.microphone,
    "broker": broker.broker,
    "clock": board.clock,
    "temperature": board.heat,
    "power": board.power,
    "faults": models_sentences_microphone.last_faults,
    "image": models_sentences_microphone.image,
    "offline": offline.connections,
    "sockets": offline.sockets,
    "traffic": offline.traffic,
    "rules": offline.rules,
}

OFFLINE = ("offline", "sockets", "traffic", "rules")
"""The questions of `--offline`: network connections in full."""

CONFIGURED = ("files", "page settings", "service", "sentences", "devices file", "model files")
"""The questions of `appliance config check`: can everything it names be used?"""

USUAL = tuple(name for name in QUESTIONS if name not in (*OFFLINE[1:], "model files"))
"""All questions except `model files`, because `models` reads every byte of them."""


def context_of(config: Config, path: Path | None = None) -> CheckContext:
    """The machine, with the appliance that runs on it, if there is one; `path` of the config."""
    daemon = holder(config.state_directory)
    model = usable_model(config)
    return CheckContext(
        with_model(config, model),
        root=board_root(),
        daemon=daemon,
        model_advice=advice_on(model, config),
        config_path=path,
    )


def examine(context: CheckContext, questions: Iterable[str] = USUAL) -> Iterator[CheckResult]:
    """The answers, each as soon as it is known; a check that crashes is an error, too."""
    for question in questions:
        try:
            yield from QUESTIONS[question](context)
        except ConfigError as failure:
            yield from config_errors(failure, question)
        except ApplianceError as failure:
            yield error(question, str(failure))
        except Exception as failure:  # the other questions are still answered
            logger.debug("the check of %s crashed", question, exc_info=failure)
            what = f"the check crashed: {type(failure).__name__}: {failure}"
            yield error(question, what, "report this as a bug")


def config_errors(failure: ConfigError, question: str) -> Iterator[CheckResult]:
    """One answer for each problem of the configuration."""
    for problem in failure.problems:
        yield error(question, problem)
