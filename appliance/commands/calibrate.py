"""`appliance calibrate`: computes the confidence settings from the owner's own recordings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from appliance.audio.decoder_process import decode_recording
from appliance.commands import evaluate, one_job
from appliance.decoding import calibration_fit
from appliance.decoding.calibration import Calibration
from appliance.decoding.calibration_fit import (
    FittedSettings,
    JudgedClip,
    OutcomeCounts,
    ScoredClip,
)
from appliance.endpointing.segmenter import utterance_from
from appliance.engines.silero import Silero
from appliance.errors import AudioError, ManifestError
from appliance.evaluation import manifest
from appliance.pipeline import pipeline_factory
from appliance.recognition import speech_models
from appliance.values import encode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from appliance.config import Config
    from appliance.decoding.sentence_recogniser import RecognisedSentence
    from appliance.evaluation.manifest import Clip

FEW = 30
"""Number of clips below which the result depends more on the clips than on the room."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"""\
Example:
  appliance calibrate clips/manifest.jsonl
  appliance calibrate          with the examples of `appliance clips`

Record commands as they are spoken in the room, and some talk that is not a
command (intent: null). It prints the lines for [speech] in config.toml. With
few clips they change only a little.

{evaluate.MANIFEST_HELP}"""
    evaluate.add_manifest(parser)
    parser.add_argument("--json", action="store_true", help="settings and counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    config = one_job.prepare(arguments, lambda of: evaluate.with_overrides(of, arguments))
    path = evaluate.manifest_of(arguments, config)
    clips = [
        clip for clip in manifest.read(path) if clip.audio is not None and clip.intent is not UNSET
    ]
    if not clips:
        message = "no line has both `audio` and `intent` (null if it is not a command)"
        raise ManifestError(f"{path}: {message}")
    manifest.check_recordings(path, clips)
    speech = config.speech
    before = FittedSettings(
        [Calibration.of(of) for of in (speech.calibration, speech.second_calibration)],
        speech.least_confidence,
    )
    judged = list(_judged(clips, path.parent, config))
    report = CalibrationReport(
        clips=judged,
        before=calibration_fit.outcomes(judged, before),
        after=calibration_fit.held_out_outcomes(judged, before),
        settings=calibration_fit.fitted_settings(judged, before),
        has_second_model=bool(speech.second_model),
    )
    print(encode(report.as_json()).decode() if arguments.json else "\n".join(report.lines()))
    return 0


def _judged(clips: Sequence[Clip], folder: Path, config: Config) -> Iterator[JudgedClip]:
    """The scores of each clip, and those of the first model only; nothing is rejected."""
    sentences = pipeline_factory.load_sentences(config)
    speech = msgspec.structs.replace(config.speech, least_confidence=0.0)
    every = msgspec.structs.replace(config, speech=speech)
    recogniser = speech_models.open_recogniser(every, speech_models.open_transcriber(every))
    detector = Silero()
    for number, clip in enumerate(clips, 1):
        evaluate.progress(number, len(clips))
        path = folder / str(clip.audio)
        placed = sentences.in_area(clip.area) if clip.area else sentences
        try:
            samples = decode_recording(path, maximum_seconds=config.requests.maximum_audio_s)
        except AudioError as error:
            raise ManifestError(str(error)) from error
        utterance = utterance_from(samples, detector, config.listening, new_id="calibrate")
        found, _ = recogniser.decode(utterance.samples, placed)
        best, first = (
            ScoredClip.of(one, right=_is_right(one, clip))
            for one in (found, found.by_first_model or found)
        )
        yield JudgedClip(best, first, must_be_refused=clip.intent is None)


def _is_right(found: RecognisedSentence, clip: Clip) -> bool:
    return (
        found.reading is not None
        and found.intent == clip.intent
        and manifest.comparable(dict(found.slots)) == manifest.comparable(clip.slots)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """The computed settings, and what they change."""

    clips: Sequence[JudgedClip]
    before: OutcomeCounts
    after: OutcomeCounts
    settings: FittedSettings
    has_second_model: bool

    def as_json(self) -> dict[str, Any]:
        """For programs: the settings by their keys in [speech]."""
        one, two = ([round(weight, 2) for weight in of.weights] for of in self._maps)
        settings = {"least_confidence": self.settings.least_confidence, "calibration": one}
        return {
            "clips": len(self.clips),
            "before": dataclasses.asdict(self.before),
            "after": dataclasses.asdict(self.after),
            "settings": settings | ({"second_calibration": two} if self.has_second_model else {}),
        }

    def lines(self) -> Iterator[str]:
        """Lines for config.toml, with the explanation as comments."""
        scored = [one.best for one in self.clips if one.best is not None]
        given = [(calibration_fit.confidence(one, self._maps), one.right) for one in scored]
        unlike = len(self.clips) - len(scored)
        yield f"# {len(self.clips)} clips, {unlike} of them similar to no sentence"
        yield f"# before: {_counts(self.before)}"
        yield f"# after:  {_counts(self.after)} (each clip with settings from the others)"
        yield "# confidence   results   right"
        for row in calibration_fit.reliability_table(given):
            share = f"{100 * row.right / row.results:4.0f} %" if row.results else "     -"
            yield f"# {row.low:.2f} to {row.high:.2f} {row.results:9} {share:>8}"
        if len(self.clips) < FEW:
            yield f"# fewer than {FEW} clips: the numbers stay close to the old ones; record more"
        yield "[speech]"
        yield f"least_confidence = {self.settings.least_confidence:.2f}"
        yield _line("calibration", self._maps[0])
        if self.has_second_model:
            yield _line("second_calibration", self._maps[1])

    @property
    def _maps(self) -> Sequence[Calibration]:
        return self.settings.calibrations


def _counts(counts: OutcomeCounts) -> str:
    return (
        f"{counts.right} right, {counts.wrong} wrong, {counts.missed} refused although they are "
        f"sentences, {counts.refused} rightly refused"
    )


def _line(key: str, calibration: Calibration) -> str:
    return f"{key} = [{', '.join(f'{weight:.2f}' for weight in calibration.weights)}]"
