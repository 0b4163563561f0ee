"""Whisper through CTranslate2: the only file that imports ctranslate2 and tokenizers.

Sound is encoded as long as it is, not padded to 30 seconds: attention costs grow with the
window. Without the padding Whisper misses the silence that follows speech in training, and
repeats itself; so a second of encoded silence, made once, is put behind each encoded sound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from appliance.engines.whisper.repetition import looped, unlooped
from appliance.engines.whisper.silence_padding import kept_or_made
from appliance.engines.whisper.spectrogram import log_mel, pieces, without_silence
from appliance.errors import EngineError, Interrupted
from appliance.values import SAMPLE_RATE, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from appliance.values import Samples

NEEDED_FILES = ("config.json", "model.bin", "tokenizer.json")

SHORTEST = 0.1
"""Seconds; less than this holds no word."""

FAINTEST = 1e-4
"""Peak of sound that no microphone in use gives: nothing is connected."""

MARGIN = 0.2
"""Seconds of nothing encoded behind the speech."""

SILENCE = 50
"""Encoded frames of silence, 20 ms each, put behind that."""

STRETCH = 30.0
"""Seconds of nothing that those frames are the end of. Whisper knows each frame's position: from
a stretch of 16 s they stood where speech may be, and 7 more orders in a hundred were lost."""

PADDED = 30.0
"""Seconds of the window that Whisper was trained on."""

TOKENS_PER_SECOND = 8
"""Faster than anybody speaks."""

MOST_TOKENS = 220
"""Whisper has 448 positions and CTranslate2 writes half of them."""

NOBODY = 0.6
"""Probability from which "nobody spoke" is believed, if the words are UNSURE too."""

UNSURE = -1.0
"""Mean log probability per token; both bounds are those of OpenAI's own decoding."""

AT_ONCE = 3
"""Texts in one pass, each with a copy of the sound: of 24 together every one took twice as long."""

OWN_CODES = {"nb": "no", "jv": "jw"}
"""Languages that Whisper calls otherwise than ISO 639 and Home Assistant do."""

Encoded = NDArray[np.float32]
"""Shape (1, frames of 20 ms, width)."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A prefix and what the model wrote behind it."""

    tokens: tuple[int, ...]
    logits: NDArray[np.float32]
    """Shape (steps, vocabulary); row i is about token i."""


class Whisper:
    """A Whisper model in a folder on disk, opened without ever touching the network."""

    def __init__(
        self,
        model_folder: Path,
        *,
        compute_type: str = "int8",
        threads: int = 2,
        keeps: Path | None = None,
    ) -> None:
        """Load the model; `keeps` is a folder for what need not be worked out at each start.

        Raises:
            EngineError: a file is missing, or the files are not a Whisper model.

        """
        self.name = model_folder.name
        self._keeps = keeps
        self._weights = model_folder / "model.bin"
        self._compute_type = compute_type
        self.may_widen = True
        """Whether what the short window does not hear well may be heard again in the full one."""
        if missing := missing_from(model_folder):
            message = f"no Whisper model in {model_folder}: {', '.join(missing)} missing"
            raise EngineError(f"{message}; run: appliance models pull")
        try:
            self._tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
            self._model: Any = ctranslate2.models.Whisper(
                str(model_folder), device="cpu", compute_type=compute_type, intra_threads=threads
            )
        except Exception as error:
            message = f"the Whisper model in {model_folder} cannot be opened ({error})"
            raise EngineError(f"{message}; run: appliance models verify") from error
        self.end = self._special("<|endoftext|>")

    @cached_property
    def tokens(self) -> tuple[str | None, ...]:
        """The text of each token; None for special ones and for parts of a character."""
        texts = self._tokenizer.decode_batch([[token] for token in range(self.end)])
        written = [None if "\ufffd" in text else text for text in texts]
        return (*written, *([None] * (self._tokenizer.get_vocab_size() - self.end)))

    def transcribe(
        self, samples: Samples, language: str, stopping: Callable[[], bool] = lambda: False
    ) -> Transcript:
        """Write down what is said.

        Args:
            samples: mono, 16 kHz, -1 to 1, any length.
            language: ISO 639-1 code.
            stopping: asked between pieces of up to 28 seconds.

        Raises:
            EngineError: the model does not know the language, or failed.
            Interrupted: `stopping` said so.

        """
        found: list[Transcript] = []
        for piece in pieces(samples):
            if found and stopping():
                raise Interrupted("the transcription was broken off")
            found.append(self.hear(piece, language).transcript())
        texts = [one.text for one in found if one.text]
        scores = [one.confidence for one in found if one.confidence is not None]
        silent = [one.no_speech for one in found if one.no_speech is not None]
        return Transcript(
            text=" ".join(texts),
            language=language,
            confidence=min(scores, default=None),
            no_speech=min(silent, default=None),
        )

    def warm_up(self, language: str) -> None:
        """Do now what the first sentence would have to wait for.

        Raises:
            EngineError: the model does not know the language, or failed.

        """
        noise = np.random.default_rng(0).normal(0.0, 0.01, SAMPLE_RATE).astype(np.float32)
        self.hear(noise, language).continuations([()], 4)

    def hear(
        self, samples: Samples, language: str, *, padded: bool = False, silence: bool = True
    ) -> EncodedAudio:
        """Encode sound of at most 30 seconds; ask the result what was said.

        Args:
            samples: mono, 16 kHz, -1 to 1.
            language: ISO 639-1 code.
            padded: encode the full 30 seconds; slower, at times better.
            silence: put some behind it, as behind a sentence that is over.

        Raises:
            EngineError: the model does not know the language, or failed.

        """
        start = self._start(language)
        if len(samples) < SHORTEST * SAMPLE_RATE or float(np.abs(samples).max()) < FAINTEST:
            return EncodedAudio(self, None, start, language, samples[:0])
        if not silence:
            return EncodedAudio(self, self._encode(samples), start, language, samples)
        spoken = without_silence(samples)[: int(PADDED * SAMPLE_RATE)]
        encoded = self.padded(spoken) if padded else self._short(spoken)
        return EncodedAudio(self, encoded, start, language, spoken)

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens spell."""
        return str(self._tokenizer.decode(list(tokens))).strip()

    def tokens_of(self, text: str) -> tuple[int, ...]:
        """The tokens that spell it."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _special(self, name: str) -> int:
        token = self._tokenizer.token_to_id(name)
        if token is None:
            raise EngineError(f"{self.name} is no Whisper model: its tokenizer lacks {name}")
        return int(token)

    def _start(self, language: str) -> tuple[int, ...]:
        begin, plain = self._special("<|startoftranscript|>"), self._special("<|notimestamps|>")
        family = language.split("-", maxsplit=1)[0]
        if not self._model.is_multilingual:
            if family != "en":
                raise EngineError(f"{self.name} knows English only, not {language!r}")
            return begin, plain
        spoken = self._tokenizer.token_to_id(f"<|{OWN_CODES.get(family, family)}|>")
        if spoken is None:
            raise EngineError(f"{self.name} does not know the language {language!r}")
        return begin, int(spoken), self._special("<|transcribe|>"), plain

    def _encode(self, samples: Samples) -> Encoded:
        mel = log_mel(samples, self._model.n_mels)
        try:
            return np.array(self._model.encode(ctranslate2.StorageView.from_array(mel[None])))
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"speech recognition failed: {error}") from error

    def _short(self, samples: Samples) -> Encoded:
        sound = self._encode(np.pad(samples, (0, int(MARGIN * SAMPLE_RATE))))
        return np.concatenate([sound, self._silence], axis=1)

    def padded(self, samples: Samples) -> Encoded:
        """The sound encoded in the full window."""
        whole = np.zeros(int(PADDED * SAMPLE_RATE), np.float32)
        whole[: len(samples)] = samples
        return self._encode(whole)

    @cached_property
    def _silence(self) -> Encoded:
        """The end of an encoded stretch of nothing."""

        def encoded() -> Encoded:
            return self._encode(np.zeros(int(STRETCH * SAMPLE_RATE), np.float32))[:, -SILENCE:]

        if self._keeps is None:
            return encoded()
        made_by = f"{ctranslate2.__version__} {self._compute_type} {STRETCH} {SILENCE}"
        return kept_or_made(self._keeps, self._weights, made_by, encoded)

    def write(
        self,
        encoded: Any,
        prompts: list[list[int]],
        tokens: int,
        *,
        logits: bool = False,
    ) -> list[Any]:
        """CTranslate2's greedy search behind each prompt, up to `tokens` tokens in all."""
        try:
            found: list[Any] = self._model.generate(
                encoded,
                prompts,
                beam_size=1,
                max_length=2 * min(tokens, MOST_TOKENS),
                return_scores=True,
                return_logits_vocab=logits,
                return_no_speech_prob=True,
                # It would forbid the end right behind a forced prefix.
                suppress_blank=False,
            )
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"speech recognition failed: {error}") from error
        return found

    def judge(
        self, encoded: Any, start: Sequence[int], texts: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """The likelihood of each text, made for aligning words with time."""
        frames = [encoded.shape[1]] * len(texts)
        try:
            found = self._model.align(encoded, list(start), [list(text) for text in texts], frames)
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"speech recognition failed: {error}") from error
        return [float(np.log(np.maximum(one.text_token_probs, 1e-30)).sum()) for one in found]


class EncodedAudio:
    """One encoded sound, to be asked about texts."""

    def __init__(
        self,
        whisper: Whisper,
        encoded: Encoded | None,
        start: tuple[int, ...],
        language: str,
        spoken: Samples,
    ) -> None:
        self.seconds = len(spoken) / SAMPLE_RATE
        """Length of the sound without the silence around it."""
        self.no_speech: float | None = None if encoded is not None else 1.0
        """Probability that nobody spoke; known once something was written."""
        self._whisper = whisper
        self._encoded = encoded
        self._start = list(start)
        self._language = language
        self._spoken = spoken
        self._batches: dict[int, Any] = {}

    @property
    def silent(self) -> bool:
        """Whether there is no sound at all; nothing can be asked then."""
        return self._encoded is None

    def continuations(self, prefixes: Sequence[tuple[int, ...]], further: int) -> list[Written]:
        """Read each prefix, then write on greedily, at most `further` tokens.

        Raises:
            EngineError: the model failed.

        """
        tokens = max(map(len, prefixes)) + min(further, self._most)
        prompts = [[*self._start, *prefix] for prefix in prefixes]
        found = self._whisper.write(self._batch(len(prefixes)), prompts, tokens, logits=True)
        self.no_speech = float(found[0].no_speech_prob)
        written = []
        for one in found:
            rows = [np.atleast_2d(np.array(view)) for view in one.logits]
            logits = np.concatenate([row.reshape(-1, row.shape[-1]) for row in rows])
            written.append(Written(tuple(one.sequences_ids[0][: len(logits)]), logits))
        return written

    def likelihoods(self, texts: Sequence[tuple[int, ...]]) -> list[float]:
        """Natural log probability of each text, without its end, all its tokens in one pass.

        Raises:
            EngineError: the model failed.

        """
        found: list[float] = []
        for begin in range(0, len(texts), AT_ONCE):
            some = texts[begin : begin + AT_ONCE]
            found += self._whisper.judge(self._batch(len(some)), self._start[:-1], some)
        return found

    def transcript(self) -> Transcript:
        """What was said, whatever it is; the full window is asked where the short one is unsure."""
        if self._encoded is None:
            return Transcript(text="", language=self._language, no_speech=1.0)
        found = self._freely(self._batch(1))
        if self._whisper.may_widen and not _nobody(found):
            loops = looped(found.sequences_ids[0])
            if loops or found.scores[0] < UNSURE:
                padded = self._whisper.padded(self._spoken)
                whole = self._freely(ctranslate2.StorageView.from_array(padded))
                if loops or whole.scores[0] > found.scores[0]:
                    found = whole
        self.no_speech = float(found.no_speech_prob)
        text = "" if _nobody(found) else self._whisper.text(unlooped(found.sequences_ids[0]))
        score = math.exp(float(found.scores[0])) if text else None
        return Transcript(text, self._language, score, self.no_speech)

    def _freely(self, encoded: Any) -> Any:
        """What CTranslate2 writes without a prefix."""
        return self._whisper.write(encoded, [self._start], self._most)[0]

    @property
    def _most(self) -> int:
        return min(MOST_TOKENS, 10 + int(TOKENS_PER_SECOND * self.seconds))

    def _batch(self, size: int) -> Any:
        if size not in self._batches:
            if self._encoded is None:
                raise EngineError("there is no sound to ask about")
            repeated = np.ascontiguousarray(np.repeat(self._encoded, size, axis=0))
            self._batches[size] = ctranslate2.StorageView.from_array(repeated)
        return self._batches[size]


def missing_from(model_folder: Path) -> list[str]:
    """Names of the files without which a folder holds no Whisper model."""
    return [name for name in NEEDED_FILES if not (model_folder / name).is_file()]


def _nobody(found: Any) -> bool:
    """Whether these are words that the model makes of no speech."""
    return bool(found.no_speech_prob > NOBODY and found.scores[0] < UNSURE)
