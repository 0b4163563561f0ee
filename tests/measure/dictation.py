"""Free dictation: words wrong in the short window and in faster-whisper's padded one, in turn.

    APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/dictation.py [--model …]

Clean, in kitchen noise, and joined to recordings of more than a minute. The difference has an
interval of 95 % from drawing the clips again and again (paired bootstrap).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from appliance.bench.padded_whisper import PaddedWhisper
from appliance.engines.whisper.model import Whisper
from appliance.text.normalise import normalise
from measure.recordings import NoRecordings, Sound, folder, mixed, model_folder, sound
from measure.speed import SPOKEN
from measure.voices import pico

TALK = (
    "The weather was fine and we walked along the river.",
    "Could you tell my sister that dinner will be ready in half an hour?",
    "I left the keys on the table next to the window.",
    "The train to the city leaves from the other platform today.",
    "She bought two loaves of bread and a small piece of cheese.",
    "Nobody knew why the old house had been empty for so long.",
    "Please remember to water the plants while we are away.",
    "The children were playing in the garden until it got dark.",
    "My brother works in a hospital on the other side of the town.",
    "There is a new shop at the corner that sells good coffee.",
    "We should leave early because the roads will be full of cars.",
    "The doctor said that he has to rest for at least a week.",
    "He read the letter twice and put it back into the drawer.",
    "In winter the lake is covered with ice for three months.",
    "The film was longer than I thought, but I liked the music.",
    "Write down what you need and I will bring it from the market.",
)
VOICES = (("en-US", 1.0), ("en-GB", 1.0), ("en-US", 0.85), ("en-GB", 0.85))
RECORDED = {
    "what_time_is_it": "what time is it",
    "whats_the_date_today": "what's the date today",
    "turn_on_the_lamp": "turn on the lamp",
    "set_timer": "set a timer for 10 minutes",
    "play_the_beatles": "play the beatles",
    "this_is_a_test": "this is a test",
}
DRAWN = 2000
GAP_S = 0.6
NUMBERS = {
    "three": "3",
    "five": "5",
    "ten": "10",
    "fifty": "50",
    "eighty": "80",
    "twenty five": "25",
    "percent": "%",
}

Clip = tuple[str, Sound]


def words(text: str) -> list[str]:
    """As one writes them: no stops or capitals, numbers in digits."""
    text = f" {normalise(text.replace('%', ' % '))} "
    for word, digits in NUMBERS.items():
        text = text.replace(f" {word} ", f" {digits} ")
    return text.split()


def wrong_words(said: list[str], heard: list[str]) -> int:
    """Words left out, added and replaced; Levenshtein's distance."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row = row, [number]
        for at, other in enumerate(heard):
            row.append(min(before[at + 1] + 1, row[at] + 1, before[at] + (word != other)))
    return row[-1]


def clips(recordings: Path) -> list[Clip]:
    people = [(text, sound(recordings / "home" / f"{name}.wav")) for name, text in RECORDED.items()]
    made = []
    for number, text in enumerate((*TALK, *SPOKEN)):
        voice, speed = VOICES[number % len(VOICES)]
        made.append((text, pico(text, voice, speed=speed)))
    return [*people, *made]


def joined(parts: list[Clip], seconds: float) -> list[Clip]:
    """Clips one behind the other, until each recording is longer than `seconds`."""
    found: list[Clip] = []
    texts: list[str] = []
    sounds: list[Sound] = []
    gap = np.zeros(int(GAP_S * 16_000), np.float32)
    for text, clip in parts:
        texts.append(text)
        sounds += [clip, gap]
        if sum(map(len, sounds)) > seconds * 16_000:
            found.append((" ".join(texts), np.concatenate(sounds)))
            texts, sounds = [], []
    return found


def compared(parts: list[Clip], whisper: Whisper, padded: PaddedWhisper) -> str:
    """A row of the table."""
    counts, extra = [], 0
    for text, clip in parts:
        said = words(text)
        short = words(whisper.transcribe(clip, "en").text)
        long = words(padded.transcribe(clip, "en"))
        counts.append((len(said), wrong_words(said, short), wrong_words(said, long)))
        extra += len(short) > 2 * len(said)
    table = np.array(counts)
    rng = np.random.default_rng(0)
    drawn = table[rng.integers(0, len(table), (DRAWN, len(table)))].sum(axis=1)
    low, high = np.quantile(100 * (drawn[:, 1] - drawn[:, 2]) / drawn[:, 0], [0.025, 0.975])
    spoken, ours, theirs = table.sum(axis=0).tolist()
    return (
        f"{len(parts)} | {spoken} | {100 * ours / spoken:.1f} | {100 * theirs / spoken:.1f} "
        f"| {100 * (ours - theirs) / spoken:+.1f} ({low:+.1f} to {high:+.1f}) | {extra} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="whisper-tiny.en")
    options = parser.parse_args()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing)
        return 69
    path = model_folder(options.model)
    whisper = Whisper(path, threads=1)
    padded = PaddedWhisper(path, compute_type="int8", threads=1)
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    clean = clips(recordings)
    noisy = [(text, mixed(clip, noise, 15, n)) for n, (text, clip) in enumerate(clean)]
    print("| sound | clips | words | wrong % | padded, wrong % | difference (95 %) | loops |")
    print("|---|---|---|---|---|---|---|")
    for name, parts in (
        ("clean", clean),
        ("15 dB", noisy),
        ("joined, over 60 s", joined(clean, 60.0)),
        ("joined, 15 dB", joined(noisy, 60.0)),
    ):
        print(f"| {name} | {compared(parts, whisper, padded)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
