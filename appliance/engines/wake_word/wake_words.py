"""Wake words from their names: which engine hears each, from which score on, from which file."""

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

    from appliance.protocols import WakeSpotter

MICRO, OPEN = "micro", "open"

THRESHOLDS = {
    (MICRO, "okay_nabu"): 0.65,
    (MICRO, "hey_jarvis"): 0.97,
    (MICRO, "hey_mycroft"): 0.985,
    (MICRO, "alexa"): 0.95,
}
"""Scores between those of recordings of the word in kitchen noise and those of other speech;
tests/measure/wake_words.py prints both. The models' own are 0.85, 0.97, 0.95 and 0.9."""

OPEN_THRESHOLD = 0.5
"""What the authors of openWakeWord recommend."""

MAGIC = b"TFL3"
"""Bytes 4 to 8 of every TensorFlow Lite model."""

PROBE_SECONDS = 30.0

CRASH = "it crashes the engine"


@dataclass(frozen=True, slots=True)
class Word:
    """A wake word as configured, found."""

    name: str
    engine: str
    """MICRO or OPEN."""
    file: Path | None
    """The owner's own model; None for one that a package carries."""
    threshold: float | None
    """None is that of the owner's own file."""


def find(words: Sequence[str], thresholds: Mapping[str, float]) -> list[Word]:
    """What config.toml names: a carried word, `open/<word>`, or a file of the owner's.

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
        return Word(file.stem, engine, file, threshold if threshold is not None else default)
    engine, _, name = word.rpartition("/")
    carried = {MICRO: microwakeword.CARRIED, OPEN: openwakeword.CARRIED}
    for candidate in (engine,) if engine else (MICRO, OPEN):
        if name in carried.get(candidate, ()):
            default = THRESHOLDS.get((candidate, name), OPEN_THRESHOLD)
            return Word(name, candidate, None, default if threshold is None else threshold)
    known = [*microwakeword.CARRIED, *(f"open/{one}" for one in openwakeword.CARRIED)]
    raise ModelMissing(
        f"wake_word.words: there is no wake word {word!r}; there are {', '.join(known)}; or name "
        "a file of your own: .json with its .tflite (microWakeWord) or .tflite (openWakeWord)"
    )


def spotters(words: Sequence[Word]) -> list[WakeSpotter]:
    """The engines that hear these words, loaded.

    Raises:
        EngineError: a file is no wake word model.

    """
    for word in words:
        if word.file is not None:
            _probe(word)
    opened: list[WakeSpotter] = []
    micro = [(w.name, w.file, w.threshold) for w in words if w.engine == MICRO]
    if micro:
        opened.append(microwakeword.MicroWakeWords(micro))
    others = [
        (w.name, w.file, OPEN_THRESHOLD if w.threshold is None else w.threshold)
        for w in words
        if w.engine == OPEN
    ]
    if others:
        opened.append(openwakeword.OpenWakeWords(others))
    return opened


def _probe(word: Word) -> None:
    """Load a foreign file in another process first: TensorFlow Lite crashes on what is none."""
    model = word.file
    if model is not None and model.suffix == ".tflite" and not _looks_right(model):
        raise EngineError(f"{model} is no wake word model: it is not in TensorFlow Lite's form")
    program = f"import sys; from {__name__} import try_out; try_out(*sys.argv[1:])"
    try:
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-c", program, word.engine, str(model)],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"{model} is no wake word model: loading it never ends") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        why = lines[-1].split("EngineError: ")[-1] if lines and done.returncode > 0 else CRASH
        raise EngineError(f"{model} is no wake word model of {word.engine}WakeWord: {why}")


def _looks_right(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(8)[4:] == MAGIC


def try_out(engine: str, file: str) -> None:
    """Load a model and let it hear a second of silence; the probe's own program."""
    import numpy as np  # noqa: PLC0415 (this is all that the process does)

    from appliance.protocols import FRAME_SAMPLES  # noqa: PLC0415

    kind = microwakeword.MicroWakeWords if engine == MICRO else openwakeword.OpenWakeWords
    spotter = kind([("probe", Path(file), 0.5)])
    for _ in range(40):
        spotter.feed(np.zeros(FRAME_SAMPLES, dtype=np.float32))
