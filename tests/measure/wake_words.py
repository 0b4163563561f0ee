"""Scores of the wake words: of recordings of each, clean and in noise, and of all else.

Run: PYTHONPATH=.:tests python tests/measure/wake_words.py FOLDER_OF_RECORDINGS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from support.recordings import WORDS, mixed, sound_of, wake_clips

from appliance.engines.wake_word import wake_words
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples


def best_score(word: str, samples: Samples) -> float:
    (detector,) = wake_words.load(wake_words.find([word], {word: 0.0}))
    frames = len(samples) // FRAME_SAMPLES
    wakes = [detector.feed(f) for f in np.split(samples[: frames * FRAME_SAMPLES], frames)]
    detector.close()
    return max((wake.score for wake in wakes if wake is not None), default=0.0)


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
