"""Runs Whisper's encoder and decoder; the only file that imports ctranslate2."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from appliance.engines.whisper.spectrogram import Mel

VERSION: str = ctranslate2.__version__

MAXIMUM_TOKENS = 220
"""Whisper has 448 positions, and CTranslate2 writes into half of them."""

Encoded = NDArray[np.float32]
"""Shape (texts, frames of 20 ms, width)."""


class CTranslateModel:
    """An open model; each method raises EngineError if the model fails."""

    def __init__(self, folder: Path, compute_type: str, threads: int) -> None:
        self._model: Any = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type=compute_type, intra_threads=threads
        )
        self.is_multilingual = bool(self._model.is_multilingual)
        self.bands = int(self._model.n_mels)

    def encode(self, mel: Mel) -> Encoded:
        """Encode one spectrogram."""
        with _failing():
            return np.array(self._model.encode(_view(mel[None])))

    def generate(
        self, encoded: Encoded, prompts: list[list[int]], tokens: int, *, logits: bool = False
    ) -> list[Any]:
        """Greedy search after each prompt, up to `tokens` tokens in all."""
        with _failing():
            found: list[Any] = self._model.generate(
                _view(encoded),
                prompts,
                beam_size=1,
                max_length=2 * min(tokens, MAXIMUM_TOKENS),
                return_scores=True,
                return_logits_vocab=logits,
                return_no_speech_prob=True,
                # It would forbid the end right after a forced prefix.
                suppress_blank=False,
            )
            return found

    def likelihoods(
        self, encoded: Encoded, start: list[int], texts: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """Natural log probability of each text, all its tokens in one pass.

        CTranslate2 computes it to align words with time.
        """
        frames = [encoded.shape[1]] * len(texts)
        with _failing():
            found = self._model.align(_view(encoded), start, [list(text) for text in texts], frames)
        return [float(np.log(np.maximum(one.text_token_probs, 1e-30)).sum()) for one in found]


def _view(array: NDArray[np.float32]) -> Any:
    return ctranslate2.StorageView.from_array(array)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"speech recognition failed: {error}") from error
