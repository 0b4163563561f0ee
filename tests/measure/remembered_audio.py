"""Audio whose model calls are kept on disk, so that a change of the search needs few new ones.

Of each row of logits the likeliest tokens are kept; the others share what is left of the
probability. Differences to the model itself are below a hundredth of a nat.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.whisper.encoded_audio import EncodedAudio, GreedyContinuation
from appliance.engines.whisper.model import Whisper
from appliance.engines.whisper.spectrogram import without_silence
from appliance.values import SAMPLE_RATE
from measure.recordings import Sound

KEPT_TOKENS = 1500

_Row = tuple[NDArray[np.int32], NDArray[np.float32], float]


class RememberedAudio:
    """Scores texts as `EncodedAudio` does; asks the model only what it was never asked."""

    def __init__(self, whisper: Whisper, samples: Sound, language: str, folder: Path) -> None:
        self._whisper, self._samples, self._language = whisper, samples, language
        content = hashlib.sha256(np.ascontiguousarray(samples).tobytes()).hexdigest()[:24]
        self._path = folder / whisper.name / language / content
        self._known: dict[Any, Any] = {}
        if self._path.exists():
            self._known = pickle.loads(self._path.read_bytes())  # noqa: S301
        self._changed = False
        self.silent = bool(self._remember("silent", lambda: self._audio.silent))
        self.seconds = len(without_silence(samples)) / SAMPLE_RATE

    @cached_property
    def _audio(self) -> EncodedAudio:
        return self._whisper.encode(self._samples, self._language)

    @property
    def no_speech(self) -> float | None:
        return self._known.get("no_speech")

    def continuations(
        self, prefixes: Sequence[tuple[int, ...]], further: int
    ) -> list[GreedyContinuation]:
        def ask() -> list[_Continuation]:
            found = self._audio.continuations(list(prefixes), further)
            self._known["no_speech"] = self._audio.no_speech
            return [_Continuation.of(one) for one in found]

        key = tuple(prefixes), min(further, 60)
        return [
            one.restored(len(self._whisper.tokens) + _SPECIAL) for one in self._remember(key, ask)
        ]

    def likelihoods(self, texts: Sequence[tuple[int, ...]]) -> list[float]:
        new = [text for text in texts if ("text", text) not in self._known]
        if new:
            self._changed = True
            for text, score in zip(new, self._audio.likelihoods(new), strict=True):
                self._known["text", text] = score
        return [self._known["text", text] for text in texts]

    def save(self) -> None:
        if self._changed:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(pickle.dumps(self._known))

    def _remember(self, key: Any, ask: Any) -> Any:
        if key not in self._known:
            self._known[key] = ask()
            self._changed = True
        return self._known[key]


_SPECIAL = 2000
"""More than the tokens of any model after its last text."""


@dataclass(frozen=True, slots=True)
class _Continuation:
    tokens: tuple[int, ...]
    rows: list[_Row]

    @classmethod
    def of(cls, found: GreedyContinuation) -> _Continuation:
        return cls(found.tokens, [_kept(row) for row in found.logits])

    def restored(self, width: int) -> GreedyContinuation:
        logits = np.empty((len(self.rows), width), np.float32)
        for row, (ids, values, rest) in zip(logits, self.rows, strict=True):
            row[:] = rest
            row[ids] = values
        return GreedyContinuation(self.tokens, logits)


def _kept(row: NDArray[np.float32]) -> _Row:
    ids = np.argpartition(-row, KEPT_TOKENS)[:KEPT_TOKENS].astype(np.int32)
    top = float(row.max())
    others = np.exp(row - top)
    others[ids] = 0.0
    rest = top + float(np.log(max(others.sum() / (len(row) - KEPT_TOKENS + _SPECIAL), 1e-30)))
    return ids, row[ids].astype(np.float32), rest
