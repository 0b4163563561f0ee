"""`appliance check`: one function per question, each answered by itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.doctor import board, broker, components, files, offline
from appliance.doctor.check_result import (
    CheckContext,
    CheckReport,
    CheckResult,
    CheckVerdict,
    error,
    report_of,
)
from appliance.errors import ApplianceError, ConfigError
from appliance.system.sensors import root_in_force
from appliance.system.state_lock import holder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from appliance.config import Config

__all__ = [
    "CheckContext",
    "CheckReport",
    "CheckResult",
    "CheckVerdict",
    "examine",
    "place_of",
    "report_of",
    "unusable",
]

logger = logging.getLogger(__name__)

QUESTIONS: dict[str, Callable[[CheckContext], Iterator[CheckResult]]] = {
    "files": files.files,
    "sentences": components.sentences,
    "model files": files.model_files,
    "models": components.models,
    "language model": components.language_model,
    "memory": board.memory,
    "disk": board.disk,
    "microphone": components.microphone,
    "broker": broker.broker,
    "clock": board.clock,
    "temperature": board.heat,
    "power": board.power,
    "faults": components.last_faults,
    "image": components.image,
    "offline": offline.nobody_outside,
    "sockets": offline.sockets,
    "traffic": offline.traffic,
    "rules": offline.rules,
}

OFFLINE = ("offline", "sockets", "traffic", "rules")
"""What `--offline` asks: who is talked to, in full."""

CONFIGURED = ("files", "sentences", "model files")
"""What `appliance config check` asks: whether all that the configuration names can be used."""

USUAL = tuple(name for name in QUESTIONS if name not in (*OFFLINE[1:], "model files"))
"""Not the models by their names and sizes, since each byte of them is asked for."""


def place_of(config: Config) -> CheckContext:
    """The machine at hand, with the appliance that runs on it, if one does."""
    return CheckContext(config, root=root_in_force(), daemon=holder(config.state_directory))


def examine(place: CheckContext, questions: Iterable[str] = USUAL) -> Iterator[CheckResult]:
    """The answers, each as soon as it is known; a question that fails is an error itself."""
    for question in questions:
        try:
            yield from QUESTIONS[question](place)
        except ConfigError as failure:
            yield from unusable(failure, question)
        except ApplianceError as failure:
            yield error(question, str(failure))
        except Exception as failure:  # the other questions are asked all the same
            logger.debug("the question %s failed", question, exc_info=failure)
            what = f"cannot be answered: {type(failure).__name__}: {failure}"
            yield error(question, what, "report this as a fault")


def unusable(failure: ConfigError, question: str = "config") -> Iterator[CheckResult]:
    """What is wrong with the configuration, an answer for each problem."""
    for problem in failure.problems:
        yield error(question, problem)
