"""Wake words: scores of the detectors, and what the appliance makes of them with its second look.

Run: PYTHONPATH=.:tests python tests/measure/wake_words.py FOLDER_OF_RECORDINGS
It asks the speech model whisper-tiny.en in $APPLIANCE_MODELS.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from support.recordings import WORDS, mixed, sound_of, wake_clips

from appliance.engines.wake_word import wake_words
from appliance.engines.whisper.model import Whisper
from appliance.listening.checked_wake_words import CheckedWakeWords
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples
from measure.recordings import model_folder


def best_score(word: str, samples: Samples) -> float:
    (detector,) = wake_words.load(wake_words.find([word], {word: 0.0}))
    frames = len(samples) // FRAME_SAMPLES
    wakes = [detector.feed(f) for f in np.split(samples[: frames * FRAME_SAMPLES], frames)]
    detector.close()
    return max((wake.score for wake in wakes if wake is not None), default=0.0)


class TimedModel:
    """The speech model as the recognition service asks it, with the time of each question."""

    def __init__(self) -> None:
        self._whisper = Whisper(model_folder("whisper-tiny.en"), threads=1)
        self.seconds: list[float] = []

    def phrase_score(self, samples: Samples, phrase: str) -> float | None:
        began = time.perf_counter()
        score = self._whisper.phrase_score(samples, phrase)
        self.seconds.append(time.perf_counter() - began)
        return score


def second_look(speech: Path) -> None:
    """How many wake it, by what they say, and how many other recordings do."""
    noise = sound_of(speech / "coffee" / "noise_kitchen.wav")
    second = np.zeros(16_000, dtype=np.float32)
    groups = {
        "alexa (people)": speech.glob("wake_people/alexa/*"),
        "computer (people)": speech.glob("wake_people/computer/*"),
        "jarvis (people)": speech.glob("wake_people/jarvis/*"),
        "orders": [*speech.glob("coffee/*-*.wav"), *speech.glob("coffee_more/*-*")],
        "home, six languages": [*speech.glob("home/*.wav"), *speech.glob("assist/*/*.flac")],
        "noises": [*speech.glob("noises/*"), speech / "coffee" / "noise_kitchen.wav"],
    }
    clips = {name: sorted(files) for name, files in groups.items()}
    print("\n| word | said | recordings | wakes, clean | wakes, kitchen noise at 10 dB |")
    print("|---|---|---|---|---|")
    model = TimedModel()
    for word in WORDS:
        words = wake_words.find([word], {})
        detectors = wake_words.load(words, first_look=True)
        checked = CheckedWakeWords(detectors, words, model)  # type: ignore[arg-type]
        own = {f"{word} (recordings)": wake_clips(speech, word)}
        for name, files in (own | clips).items():
            counts = [0, 0]
            for file in files:
                said = np.concatenate([sound_of(file), second])
                for place, sound in enumerate((said, mixed(said, noise, 10))):
                    checked.reset()
                    frames = len(sound) // FRAME_SAMPLES
                    split = np.split(sound[: frames * FRAME_SAMPLES], frames)
                    counts[place] += any(checked.feed(frame) is not None for frame in split)
            print(f"| {word} | {name} | {len(files)} | {counts[0]} | {counts[1]} |", flush=True)
    middle, late = np.percentile(model.seconds, [50, 95]) * 1000
    print(f"second look: {len(model.seconds)} times, {middle:.0f} ms median, {late:.0f} ms at 95 %")


def main(speech: Path) -> None:
    noise = sound_of(speech / "coffee" / "noise_kitchen.wav")
    second = np.zeros(16_000, dtype=np.float32)
    others = [
        *sorted((speech / "coffee").glob("*-*.wav")),
        *sorted((speech / "home").glob("*.wav")),
    ]
    orders = [sound_of(clip) for clip in others]
    for word in WORDS:
        for name in (word, f"open/{word}"):
            (found,) = wake_words.find([name], {})
            said = [np.concatenate([sound_of(c), second]) for c in wake_clips(speech, word)]
            clean = [best_score(name, one) for one in said]
            noisy = [best_score(name, mixed(one, noise, 15)) for one in said]
            began = time.process_time()
            false = [best_score(name, one) for one in [*orders, noise]]
            seconds = sum(len(one) for one in [*orders, noise]) / 16_000
            share = 100 * (time.process_time() - began) / seconds
            print(
                f"{name:18} threshold {found.threshold}: clean least {min(clean):.3f}, "
                f"15 dB least {min(noisy):.3f}, other speech and kitchen most {max(false):.3f} "
                f"in {seconds:.0f} s; {share:.2f} % of a core",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    second_look(Path(sys.argv[1]))
