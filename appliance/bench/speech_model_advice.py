"""Which speech models this board can afford: by the work that they take, and their memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from appliance.models import catalogue
from appliance.text.language_codes import whisper_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.models.catalogue import HubModel, Model

AFFORDABLE_REALTIME_FACTOR = 0.35
"""Seconds of work per second of speech: a command of three seconds is answered within about one."""

MEMORY_SHARE = 0.5
"""Of the board's memory, for the model; the rest is for the appliance and the system."""


class SpeechModelAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """A speech model that knows the language, and whether this board can afford it."""

    name: str
    realtime_factor: float | None
    """Seconds of work per second of speech; None if no model was measured."""
    measured: bool
    """Otherwise the factor is estimated: it grows with the size of the weights."""
    memory_mb: int
    affordable: bool
    words: str
    """The advice, for a person."""


def advise(
    language: str, measured: Mapping[str, float], board_mb: float | None
) -> list[SpeechModelAdvice]:
    """Advice on every speech model of the catalogue that knows the language, smallest first.

    Args:
        language: ISO 639-1.
        measured: seconds of work per second of speech of the models that were tried here.
        board_mb: memory of the board; None if it is unknown.

    """
    known = [
        model
        for model in _all_models()
        if model.task == "speech-to-text" and {whisper_code(language), "mul"} & {*model.languages}
    ]
    known.sort(key=lambda model: model.memory_mb)
    return [_of(model, measured, board_mb) for model in known]


def _of(
    model: Model | HubModel, measured: Mapping[str, float], board_mb: float | None
) -> SpeechModelAdvice:
    factor = measured.get(model.name)
    if factor is None:
        factor = _estimated(model, measured)
    fits = board_mb is None or model.memory_mb <= MEMORY_SHARE * board_mb
    fast = factor is not None and factor <= AFFORDABLE_REALTIME_FACTOR
    return SpeechModelAdvice(
        name=model.name,
        realtime_factor=None if factor is None else round(factor, 3),
        measured=model.name in measured,
        memory_mb=model.memory_mb,
        affordable=fits and fast,
        words=_words(fits=fits, fast=fast, known=factor is not None),
    )


def _words(*, fits: bool, fast: bool, known: bool) -> str:
    if not fits:
        return "too large for the memory of this board"
    if not known:
        return "not measured"
    if not fast:
        return "too slow on this board: an answer comes more than a second after the command"
    return "can be used"


def _estimated(model: Model | HubModel, measured: Mapping[str, float]) -> float | None:
    """By the size of the weights, from the largest model that was measured."""
    tried = [one for one in _all_models() if one.name in measured]
    if not tried:
        return None
    nearest = max(tried, key=_weights_mb)
    return measured[nearest.name] * _weights_mb(model) / _weights_mb(nearest)


def _all_models() -> list[Model | HubModel]:
    return [*catalogue.models().values(), *catalogue.hub_models().values()]


def _weights_mb(model: Model | HubModel) -> float:
    return model.bytes / 1e6 if isinstance(model, catalogue.Model) else float(model.file_mb)
