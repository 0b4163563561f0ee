"""When a spoken order is taken to be over: by its meaning, and by the pause alone.

Every recording is heard frame by frame as from a microphone, but as fast as this machine can.
Run: PYTHONPATH=.:tests python tests/measure/endings.py
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from appliance.config import ListeningSettings
from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.endpointing.segmenter import Segmenter, SpeechSegment
from appliance.engines.silero import Silero
from appliance.engines.whisper.model import Whisper
from appliance.protocols import FRAME_SAMPLES
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.early_verdict import EarlyVerdict
from appliance.recognition.grammar_recogniser import GrammarRecogniser
from appliance.recognition.recogniser_interface import RecognisedSpeech
from appliance.sentences.sentence_set import SentenceSet, load
from appliance.values import SAMPLE_RATE, Samples
from measure.recordings import coffee_intents, coffee_orders, folder, mixed, model_folder, sound


@dataclass
class AtOnce:
    """Answers while it is asked; the time that this takes is noted."""

    early: EarlyRecogniser
    sentences: SentenceSet
    pending: bool = False
    verdict: EarlyVerdict | None = None
    seconds: list[float] = field(default_factory=list)

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        began = time.perf_counter()
        so_far = self.early.look(samples, self.sentences, thorough=thorough)
        self.seconds.append(time.perf_counter() - began)
        self.verdict = EarlyVerdict(samples, mark, so_far, thorough)

    def pending_thorough(self, _mark: int) -> Samples | None:
        return None

    def cancel(self) -> None:
        pass

    def reset(self) -> None:
        self.verdict = None


def recognised(
    early: EarlyRecogniser,
    recogniser: GrammarRecogniser,
    samples: Samples,
    sentences: SentenceSet,
) -> RecognisedSpeech:
    """As the recognition service does: what an early look has found is not worked out again."""
    known = early.take_known(samples, sentences)
    if known is not None:
        return recogniser.conclude(*known, lambda _: None)
    return recogniser.recognise(samples, sentences, lambda _: None)


def heard(samples: Samples, detector: Silero, meaning: AtOnce | None) -> list[SpeechSegment]:
    segmenter = Segmenter(detector, ListeningSettings(), meaning)
    segmenter.reset()
    padded = np.pad(samples, (0, 2 * SAMPLE_RATE))
    frames = len(padded) // FRAME_SAMPLES
    found: list[SpeechSegment] = []
    for frame in np.split(padded[: frames * FRAME_SAMPLES], frames):
        found += segmenter.add_frame(frame)
    return found


def at_home(recordings: Path, recogniser: GrammarRecogniser, detector: Silero) -> None:
    """What people say at home, under the starter set, in which not all of it is a sentence."""
    sentences = load(None, "en")
    early = EarlyRecogniser(recogniser)
    for clip in sorted((recordings / "home").glob("*.wav")):
        found = heard(sound(clip), detector, AtOnce(early, sentences))
        said = [recognised(early, recogniser, one.samples, sentences) for one in found]
        waits = [f"{one.seconds_since_speech * 1000:.0f} ms" for one in found]
        names = [" and ".join(intent.name for intent in one.intents) for one in said]
        intents = [name or "none of the sentences" for name in names]
        print(f"{clip.stem:20} {[one.text for one in said]} {intents} over after {waits}")


def main() -> None:
    recordings = folder()
    whisper = Whisper(model_folder("whisper-tiny.en"), threads=1)
    recogniser = GrammarRecogniser(whisper, limits=RejectionLimits(), calibration=Calibration())
    sentences = SentenceSet("en", coffee_intents(), {})
    early = EarlyRecogniser(recogniser)
    detector = Silero()
    orders = coffee_orders(recordings)
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    for snr in (None, 15.0):
        for name in ("pause alone", "meaning"):
            cut = right = 0
            waits: list[float] = []
            work: list[float] = []
            for number, (spoken, slots) in enumerate(orders):
                meaning = AtOnce(early, sentences) if name == "meaning" else None
                found = heard(mixed(spoken, noise, snr, number), detector, meaning)
                waits += [one.seconds_since_speech for one in found[:1]]
                if meaning is not None and found:
                    work += meaning.seconds
                result = recognised(early, recogniser, found[0].samples, sentences)
                whole = [intent.slots for intent in result.intents] == [slots]
                right += whole
                # The kitchen may be heard as a second sentence; that cuts nothing off.
                cut += len(found) > 1 and not whole
            wait = statistics.median(waits) * 1000
            worst = max(waits) * 1000
            told = f"; a question takes {statistics.median(work) * 1000:.0f} ms" if work else ""
            print(
                f"{'clean' if snr is None else f'{snr:g} dB':6} {name:12} "
                f"{len(orders)} orders: {cut} cut off, {right} right, "
                f"over after {wait:.0f} ms (most {worst:.0f}){told}",
                flush=True,
            )
    at_home(recordings, recogniser, detector)


if __name__ == "__main__":
    main()
