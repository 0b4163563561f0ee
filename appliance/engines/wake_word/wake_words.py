"""Wake words from config.toml: finds engine, file and threshold of each, and loads them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.engines.wake_word import microwakeword, openwakeword
from appliance.errors import EngineError, ModelMissing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appliance.protocols import WakeWordDetector

MICRO, OPEN = "micro", "open"

THRESHOLDS = {
    (MICRO, "okay_nabu"): 0.65,
    (MICRO, "hey_jarvis"): 0.97,
    (MICRO, "hey_mycroft"): 0.985,
    (MICRO, "alexa"): 0.95,
}
"""Thresholds between the scores of the word in kitchen noise and those of other speech;
tests/measure/wake_words.py prints both. The models' own are 0.85, 0.97, 0.95 and 0.9."""

FIRST_THRESHOLD = 0.3
"""Minimum score of a built-in word for the check by the speech model
(`listening/checked_wake_words.py`). Each of 103 people who said "alexa" reached it, also in kitchen
noise at 10 dB."""

OPEN_THRESHOLD = 0.5
"""Recommended by the authors of openWakeWord."""

MAGIC = b"TFL3"
"""Bytes 4 to 8 of each TensorFlow Lite model."""

PROBE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Word:
    """A configured wake word."""

    name: str
    engine: str
    """MICRO or OPEN."""
    file: Path | None
    """The owner's model; None for a built-in one."""
    threshold: float | None
    """Threshold without a second check; None: the one in the owner's file."""
    first_threshold: float | None
    """Lower threshold, which counts if a second check confirms the word."""

    @property
    def phrase(self) -> str | None:
        """Spelling of the word; None for the owner's file, whose name may mean anything."""
        return self.name.replace("_", " ") if self.file is None else None


def find(words: Sequence[str], thresholds: Mapping[str, float]) -> list[Word]:
    """The words that config.toml names: a built-in word, `open/<word>`, or an owner's file.

    Raises:
        ModelMissing: there is no such word, or no such file.

    """
    return [_find(word, thresholds.get(word)) for word in words]


def _find(word: str, threshold: float | None) -> Word:
    if word.endswith((".json", ".tflite")):
        file = Path(word).expanduser()
        if not file.is_file():
            raise ModelMissing(f"wake_word.words: there is no file {word}")
        engine = MICRO if file.suffix == ".json" else OPEN
        default = None if engine == MICRO else OPEN_THRESHOLD
        score = threshold if threshold is not None else default
        return Word(file.stem, engine, file, score, score)
    engine, _, name = word.rpartition("/")
    built_in = {MICRO: microwakeword.BUILT_IN, OPEN: openwakeword.BUILT_IN}
    for candidate in (engine,) if engine else (MICRO, OPEN):
        if name in built_in.get(candidate, ()):
            if threshold is not None:
                return Word(name, candidate, None, threshold, threshold)
            default = THRESHOLDS.get((candidate, name), OPEN_THRESHOLD)
            first = FIRST_THRESHOLD if candidate == MICRO else OPEN_THRESHOLD
            return Word(name, candidate, None, default, first)
    known = [*microwakeword.BUILT_IN, *(f"open/{one}" for one in openwakeword.BUILT_IN)]
    raise ModelMissing(
        f"wake_word.words: there is no wake word {word!r}; there are {', '.join(known)}; or name "
        "your own file: .json with its .tflite (microWakeWord) or .tflite (openWakeWord)"
    )


def load(words: Sequence[Word], *, first_look: bool = False) -> list[WakeWordDetector]:
    """The detectors of these words, loaded; with `first_look` they detect too much.

    Raises:
        EngineError: a file is not a wake word model.

    """
    for word in words:
        if word.file is not None:
            _probe(word)
    loaded: list[WakeWordDetector] = []
    scores = {word: word.first_threshold if first_look else word.threshold for word in words}
    micro = [(w.name, w.file, scores[w]) for w in words if w.engine == MICRO]
    if micro:
        loaded.append(microwakeword.MicroWakeWords(micro))
    others = [
        (word.name, word.file, OPEN_THRESHOLD if score is None else score)
        for word, score in scores.items()
        if word.engine == OPEN
    ]
    if others:
        loaded.append(openwakeword.OpenWakeWords(others))
    return loaded


def _probe(word: Word) -> None:
    """Load a file in another process first: TensorFlow Lite crashes on one that is not a model."""
    model = word.file
    if model is not None and model.suffix == ".tflite" and not _has_magic(model):
        raise EngineError(f"{model} is not a wake word model: it is not a TensorFlow Lite file")
    program = f"import sys; from {__name__} import probe; probe(*sys.argv[1:])"
    try:
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-c", program, word.engine, str(model)],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(
            f"{model} is not a wake word model: it did not load within {PROBE_TIMEOUT_S:g} s"
        ) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = "it crashes the engine"
        if lines and done.returncode > 0:
            reason = lines[-1].split("EngineError: ")[-1]
        raise EngineError(f"{model} is not a model for {word.engine}WakeWord: {reason}")


def _has_magic(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(8)[4:] == MAGIC


def probe(engine: str, file: str) -> None:
    """Load a model and feed it a second of silence; runs in a process of its own."""
    import numpy as np  # noqa: PLC0415 (this is all that the process does)

    from appliance.protocols import FRAME_SAMPLES  # noqa: PLC0415

    kind = microwakeword.MicroWakeWords if engine == MICRO else openwakeword.OpenWakeWords
    detector = kind([("probe", Path(file), 0.5)])
    for _ in range(40):
        detector.feed(np.zeros(FRAME_SAMPLES, dtype=np.float32))
