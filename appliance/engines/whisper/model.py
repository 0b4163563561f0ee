"""Speech to text by Whisper; the only file that imports tokenizers.

Audio is encoded at its own length, not padded to 30 seconds, because the cost of attention grows
with the window. Without the padding Whisper misses the silence that follows speech in its training
data, and repeats itself; so a second of encoded silence, made once, is appended to each encoding.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from appliance.engines.whisper.ctranslate_model import VERSION, CTranslateModel
from appliance.engines.whisper.encoded_audio import UNSURE, EncodedAudio
from appliance.engines.whisper.encoded_silence_cache import cached_or_computed
from appliance.engines.whisper.phrase_score import phrase_score
from appliance.engines.whisper.repetition import is_repetitive, without_repetition
from appliance.engines.whisper.spectrogram import log_mel, pieces, without_silence
from appliance.errors import EngineError, Interrupted
from appliance.text.language_codes import family, whisper_code
from appliance.text.unicode_bytes import decoded
from appliance.values import SAMPLE_RATE, Pace, TextSegment, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from appliance.engines.whisper.ctranslate_model import Encoded
    from appliance.values import Samples

NEEDED_FILES = ("config.json", "model.bin", "tokenizer.json")

SHORTEST_S = 0.1
"""Shortest audio, in seconds; shorter audio cannot contain a word."""

SILENT_PEAK = 1e-4
"""Peak up to which audio is silent; a connected microphone gives more."""

MARGIN_S = 0.2
"""Seconds of silence after the speech that are encoded with it."""

MULTILINGUAL_MARGIN_S = 0.8
"""As MARGIN_S, for a multilingual model. Of 71 commands in six languages whisper-base repeated 20
endlessly after 0.2 s, and three after 0.8 s; it wrote 27 exactly instead of 20."""

SILENCE_FRAMES = 50
"""Encoded frames of silence, 20 ms each, that are appended after the margin."""

SILENCE_WINDOW_S = 30.0
"""Length of the silence of which those frames are the end, in seconds. Whisper knows each frame's
position: from 16 s of silence they had positions where speech may be, and 7 more commands in a
hundred were lost."""

FULL_WINDOW_S = 30.0
"""The window that Whisper was trained on."""


def _byte_letters() -> dict[str, int]:
    """The letter of the tokenizer's file for each byte, as in GPT-2 (`bytes_to_unicode`)."""
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in shown]
    return {
        **{chr(byte): byte for byte in shown},
        **{chr(0x100 + number): byte for number, byte in enumerate(others)},
    }


BYTE_OF_LETTER = _byte_letters()


class Whisper:
    """A Whisper model in a folder on disk; opening it never touches the network."""

    def __init__(
        self,
        model_folder: Path,
        *,
        compute_type: str = "int8",
        threads: int = 2,
        cache_folder: Path | None = None,
    ) -> None:
        """Load the model; what takes long to compute at each start is kept in `cache_folder`.

        Raises:
            EngineError: a file is missing, or the files are not a Whisper model.

        """
        self.name = model_folder.name
        self._cache_folder = cache_folder
        self._weights = model_folder / "model.bin"
        self._compute_type = compute_type
        self.allow_full_window = True
        """Whether unclear audio is encoded again in the full window."""
        if missing := missing_from(model_folder):
            message = f"no Whisper model in {model_folder}: {', '.join(missing)} missing"
            raise EngineError(f"{message}; run: appliance models pull")
        try:
            self._tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
            self._model = CTranslateModel(model_folder, compute_type, threads)
        except Exception as error:
            message = f"the Whisper model in {model_folder} cannot be opened ({error})"
            raise EngineError(f"{message}; run: appliance models verify") from error
        self.end = self._special_token("<|endoftext|>")

    @cached_property
    def tokens(self) -> tuple[str | None, ...]:
        """The text of each token, bytes as in `unicode_bytes`; None for special ones."""
        texts = self._tokenizer.decode_batch([[token] for token in range(self.end)])
        whole = [
            self._with_bytes(token) if "\ufffd" in text else text
            for token, text in enumerate(texts)
        ]
        return (*whole, *([None] * (self._tokenizer.get_vocab_size() - self.end)))

    def _with_bytes(self, token: int) -> str | None:
        """The text of a token that begins or ends inside a character."""
        letters = self._tokenizer.id_to_token(token) or ""
        data = bytes(BYTE_OF_LETTER.get(letter, 0) for letter in letters)
        return decoded(data) if data and all(data) else None

    def transcribe(
        self, samples: Samples, language: str, must_stop: Callable[[], bool] = lambda: False
    ) -> Transcript:
        """Transcribe speech of any length.

        Args:
            samples: mono, 16 kHz, -1 to 1, shape (n,).
            language: ISO 639-1 code.
            must_stop: checked between pieces of up to 28 seconds.

        Raises:
            EngineError: the model does not know the language, or failed.
            Interrupted: `must_stop` returned True.

        """
        found: list[Transcript] = []
        segments: list[TextSegment] = []
        for piece in pieces(samples):
            if found and must_stop():
                raise Interrupted("the transcription was cancelled")
            found.append(self.transcript(self.encode(piece, language)))
            start_s = segments[-1].end_s if segments else 0.0
            segments.append(_segment(found[-1], start_s, len(piece)))
        texts = [one.text for one in found if one.text]
        scores = [one.confidence for one in found if one.confidence is not None]
        silent = [one.no_speech for one in found if one.no_speech is not None]
        return Transcript(
            text=" ".join(texts),
            language=language,
            confidence=min(scores, default=None),
            no_speech=min(silent, default=None),
            segments=tuple(segments),
        )

    def transcript(self, audio: EncodedAudio) -> Transcript:
        """Transcribe one piece; if the short window gives an unclear text, the full one is tried.

        Raises:
            EngineError: the model failed.

        """
        if audio.silent:
            return Transcript(text="", language=audio.language, no_speech=1.0)
        best = audio.free_text()
        if self.allow_full_window and not best.is_no_speech:
            repetitive = is_repetitive(best.tokens)
            if repetitive or best.score < UNSURE:
                other = audio.free_text_of(self._encode_full_window(audio.samples))
                if repetitive or other.score > best.score:
                    best = other
        text = "" if best.is_no_speech else self.text(without_repetition(best.tokens))
        confidence = math.exp(best.score) if text else None
        return Transcript(text, audio.language, confidence, best.no_speech)

    def phrase_score(self, samples: Samples, phrase: str) -> float | None:
        """The score of an English phrase in a sound; see phrase_score.py."""
        return phrase_score(self, samples, phrase)

    def use_pace(self, pace: Pace) -> None:
        """Use the full window only at full pace."""
        self.allow_full_window = pace is Pace.FULL

    def warm_up(self, language: str) -> None:
        """Prepare in advance, so that the first utterance need not wait.

        Raises:
            EngineError: the model does not know the language, or failed.

        """
        noise = np.random.default_rng(0).normal(0.0, 0.01, SAMPLE_RATE).astype(np.float32)
        self.encode(noise, language).continuations([()], 4)

    def encode(
        self,
        samples: Samples,
        language: str,
        *,
        full_window: bool = False,
        add_silence: bool = True,
    ) -> EncodedAudio:
        """Encode at most 30 seconds of audio.

        Args:
            samples: mono, 16 kHz, -1 to 1, shape (n,).
            language: ISO 639-1 code.
            full_window: pad to 30 seconds; slower, at times better.
            add_silence: cut the silence around the speech, and append the silence that follows a
                whole utterance.

        Raises:
            EngineError: the model does not know the language, or failed.

        """
        start = self._start_tokens(language)
        if len(samples) < SHORTEST_S * SAMPLE_RATE or float(np.abs(samples).max()) < SILENT_PEAK:
            return EncodedAudio(self._model, None, start, language, samples[:0])
        if not add_silence:
            return EncodedAudio(self._model, self._encode(samples), start, language, samples)
        speech = without_silence(samples)[: int(FULL_WINDOW_S * SAMPLE_RATE)]
        encoded = self._encode_full_window(speech) if full_window else self._encode_short(speech)
        return EncodedAudio(self._model, encoded, start, language, speech)

    def text(self, tokens: Sequence[int]) -> str:
        """The text of the tokens."""
        return str(self._tokenizer.decode(list(tokens))).strip()

    def tokens_of(self, text: str) -> tuple[int, ...]:
        """The tokens of a text."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _special_token(self, name: str) -> int:
        token = self._tokenizer.token_to_id(name)
        if token is None:
            raise EngineError(f"{self.name} is not a Whisper model: its tokenizer lacks {name}")
        return int(token)

    def _start_tokens(self, language: str) -> tuple[int, ...]:
        begin = self._special_token("<|startoftranscript|>")
        plain = self._special_token("<|notimestamps|>")
        if not self._model.is_multilingual:
            if family(language) != "en":
                raise EngineError(f"{self.name} knows English only, not {language!r}")
            return begin, plain
        spoken = self._tokenizer.token_to_id(f"<|{whisper_code(language)}|>")
        if spoken is None:
            raise EngineError(f"{self.name} does not know the language {language!r}")
        return begin, int(spoken), self._special_token("<|transcribe|>"), plain

    def _encode(self, samples: Samples) -> Encoded:
        return self._model.encode(log_mel(samples, self._model.bands))

    def _encode_short(self, speech: Samples) -> Encoded:
        margin = MULTILINGUAL_MARGIN_S if self._model.is_multilingual else MARGIN_S
        encoded = self._encode(np.pad(speech, (0, int(margin * SAMPLE_RATE))))
        return np.concatenate([encoded, self._silence], axis=1)

    def _encode_full_window(self, speech: Samples) -> Encoded:
        window = np.zeros(int(FULL_WINDOW_S * SAMPLE_RATE), np.float32)
        window[: len(speech)] = speech
        return self._encode(window)

    @cached_property
    def _silence(self) -> Encoded:
        """The last frames of encoded silence."""

        def compute() -> Encoded:
            silence = np.zeros(int(SILENCE_WINDOW_S * SAMPLE_RATE), np.float32)
            return self._encode(silence)[:, -SILENCE_FRAMES:]

        if self._cache_folder is None:
            return compute()
        version = f"{VERSION} {self._compute_type} {SILENCE_WINDOW_S} {SILENCE_FRAMES}"
        return cached_or_computed(self._cache_folder, self._weights, version, compute)


def _segment(heard: Transcript, start_s: float, length: int) -> TextSegment:
    return TextSegment(
        start_s=start_s,
        end_s=round(start_s + length / SAMPLE_RATE, 3),
        text=heard.text,
        confidence=heard.confidence,
        no_speech=heard.no_speech,
    )


def missing_from(model_folder: Path) -> list[str]:
    """Names of the files without which a folder holds no Whisper model."""
    return [name for name in NEEDED_FILES if not (model_folder / name).is_file()]
