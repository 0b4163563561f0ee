"""`appliance calibrate`: computes the confidence settings from the owner's own recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from appliance.audio.decoder_process import decode_recording
from appliance.commands import evaluate, one_job
from appliance.decoding import calibration_fit
from appliance.decoding.calibration import Calibration
from appliance.decoding.calibration_fit import ScoredClip
from appliance.endpointing.segmenter import utterance_from
from appliance.engines.silero import Silero
from appliance.errors import AudioError, ManifestError
from appliance.evaluation import manifest
from appliance.pipeline import pipeline_factory
from appliance.recognition import speech_models

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

Record commands as they are spoken in the room, and some talk that is not a
command (intent: null). It prints the lines for [speech] in config.toml. With
few clips they change only a little.

{evaluate.MANIFEST_HELP}"""
    evaluate.add_manifest(parser)


def run(arguments: argparse.Namespace) -> int:
    config = one_job.prepare(arguments, lambda of: evaluate.with_overrides(of, arguments))
    clips = [
        clip
        for clip in manifest.read(arguments.manifest)
        if clip.audio is not None and clip.intent is not UNSET
    ]
    if not clips:
        message = "no line has both `audio` and `intent` (null if it is not a command)"
        raise ManifestError(f"{arguments.manifest}: {message}")
    manifest.check_recordings(arguments.manifest, clips)
    found = list(_scored(clips, arguments.manifest.parent, config))
    scored = [one for one, _ in found if one is not None]
    first_model = [one for _, one in found if one is not None]
    before = [
        Calibration.of(of) for of in (config.speech.calibration, config.speech.second_calibration)
    ]
    after = calibration_fit.fit_both(scored, first_model, before)
    least = calibration_fit.least_confidence(scored, after, config.speech.least_confidence)
    print("\n".join(_lines(scored, len(clips), after, least)))
    if config.speech.second_model:
        print(_line("second_calibration", after[1]))
    return 0


def _scored(
    clips: Sequence[Clip], folder: Path, config: Config
) -> Iterator[tuple[ScoredClip | None, ScoredClip | None]]:
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
        both, first = (
            ScoredClip.of(one, right=_is_right(one, clip))
            for one in (found, found.by_first_model or found)
        )
        yield both, first


def _is_right(found: RecognisedSentence, clip: Clip) -> bool:
    return (
        found.reading is not None
        and found.intent == clip.intent
        and manifest.comparable(dict(found.slots)) == manifest.comparable(clip.slots)
    )


def _lines(
    scored: Sequence[ScoredClip], clips: int, maps: Sequence[Calibration], least: float
) -> Iterator[str]:
    yield f"# {clips} clips, {clips - len(scored)} of them similar to no sentence"
    yield "# confidence   results   right"
    given = [(calibration_fit.confidence(one, maps), one.right) for one in scored]
    for row in calibration_fit.reliability_table(given):
        share = f"{100 * row.right / row.results:4.0f} %" if row.results else "     -"
        yield f"# {row.low:.2f} to {row.high:.2f} {row.results:9} {share:>8}"
    if clips < FEW:
        yield f"# fewer than {FEW} clips: the numbers stay close to the old ones; record more"
    yield "[speech]"
    yield f"least_confidence = {least:.2f}"
    yield _line("calibration", maps[0])


def _line(key: str, calibration: Calibration) -> str:
    return f"{key} = [{', '.join(f'{weight:.2f}' for weight in calibration.weights)}]"
