"""`appliance evaluate`: accuracy and latency on the owner's own recordings or texts."""

from __future__ import annotations

import dataclasses
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.audio.decoder_process import decode_recording
from appliance.clips.labelled_clips import LabelledClips
from appliance.commands import one_job
from appliance.endpointing.segmenter import utterance_from
from appliance.engines.silero import Silero
from appliance.errors import AudioError, ManifestError
from appliance.evaluation import manifest
from appliance.evaluation.scores import EvaluatedClip, Summary, summarise
from appliance.ids import Ids
from appliance.pipeline import pipeline_factory
from appliance.values import SAMPLE_RATE, Source, TextInput, Trigger, encode

if TYPE_CHECKING:
    import argparse

    from appliance.config import Config
    from appliance.evaluation.manifest import Clip
    from appliance.pipeline.pipeline import Pipeline
    from appliance.protocols import VoiceActivityDetector

MANIFEST_HELP = """\
Each line of the manifest is a JSON object:
  {"audio": "a.wav", "text": "...", "intent": "Stop", "slots": {"machine": 3}}

"audio" is relative to the manifest; without it, the text is processed as text.
"intent": null must be refused; without "intent" only the words are compared.
"area" is the room of the speaker, in place of device.area. A
clip is correct if the intent and exactly the given slots are equal.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"Example:\n  appliance evaluate clips/manifest.jsonl --json\n\n{MANIFEST_HELP}"
    add_manifest(parser)
    parser.add_argument("--json", action="store_true", help="the summary as one JSON document")


def add_manifest(parser: argparse.ArgumentParser) -> None:
    """The recordings, and the settings to process them with."""
    parser.add_argument(
        "manifest",
        type=Path,
        nargs="?",
        metavar="MANIFEST.jsonl",
        help="see below; by default the examples of `appliance clips`",
    )
    parser.add_argument("--intents", type=Path, metavar="DIR", help="in place of sentences.folder")
    parser.add_argument("--language", metavar="CODE", help="in place of device.language")
    parser.add_argument("--stt", metavar="NAME", help="in place of speech.model")


def run(arguments: argparse.Namespace) -> int:
    config = one_job.prepare(arguments, lambda loaded: with_overrides(loaded, arguments))
    path = manifest_of(arguments, config)
    clips = manifest.read(path)
    if not clips:
        raise ManifestError(f"{path}: the manifest is empty")
    manifest.check_recordings(path, clips)
    trials = []
    hears = any(clip.audio is not None for clip in clips)
    with pipeline_factory.opened_pipeline(config, hears=hears) as pipeline:
        detector = Silero()
        for number, clip in enumerate(clips, 1):
            progress(number, len(clips))
            trials.append(_evaluate_clip(clip, path.parent, config, pipeline, detector))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    summary = summarise(trials, peak_mb)
    print(encode(summary).decode() if arguments.json else _as_text(summary))
    return 0


def with_overrides(config: Config, arguments: argparse.Namespace) -> Config:
    """The configuration with the values that the command line overrides."""
    changed = {
        "device": {"language": arguments.language},
        # The folder is then all that may be said, whatever is accepted beside it otherwise.
        "sentences": {"folder": str(arguments.intents), "included": False}
        if arguments.intents
        else {},
        "speech": {"model": arguments.stt},
    }
    for section, keys in changed.items():
        given = {key: value for key, value in keys.items() if value is not None}
        table = msgspec.structs.replace(getattr(config, section), **given)
        config = msgspec.structs.replace(config, **{section: table})
    return config


def _evaluate_clip(
    clip: Clip, folder: Path, config: Config, pipeline: Pipeline, detector: VoiceActivityDetector
) -> EvaluatedClip:
    """One clip through the daemon's own pipeline."""
    if clip.audio is None:
        job = TextInput(
            *(Ids().new(), clip.text or "", Source.COMMAND_LINE, Trigger.COMMAND_LINE),
            area=clip.area,
        )
        result = one_job.result_of(job, pipeline)
        return EvaluatedClip(clip, result, result.timings_ms.get("total", 0.0), None)
    path = folder / clip.audio
    try:
        samples = decode_recording(path, maximum_seconds=config.requests.maximum_audio_s)
    except AudioError as error:
        raise ManifestError(str(error)) from error
    utterance = utterance_from(samples, detector, config.listening, new_id=Ids().new())
    utterance = dataclasses.replace(utterance, area=clip.area)
    result = one_job.result_of(utterance, pipeline)
    return EvaluatedClip(
        clip, result, result.timings_ms["total_after_speech"], len(samples) / SAMPLE_RATE
    )


def progress(number: int, of: int) -> None:
    """Show the progress on standard error: one line, or without a terminal one per 10 %."""
    if sys.stderr.isatty():
        print(f"\r{number} of {of}", end="\n" if number == of else "", file=sys.stderr, flush=True)
    elif 10 * number // of > 10 * (number - 1) // of:
        print(f"{100 * number // of:3d} %  {number} of {of}", file=sys.stderr, flush=True)


def manifest_of(arguments: argparse.Namespace, config: Config) -> Path:
    """The named manifest, otherwise that of the appliance's own examples.

    Raises:
        ManifestError: none is named, and there are no examples.

    """
    if arguments.manifest is not None:
        return Path(arguments.manifest)
    own = LabelledClips(config).manifest
    if not own.exists():
        raise ManifestError(
            "there are no examples yet: name a manifest, keep some by `appliance clips add`, or "
            "on the page under Teach"
        )
    return own


def _as_text(summary: Summary) -> str:
    lines = [
        f"clips          {summary.clips}",
        f"correct        {summary.correct}" + _share(summary.accuracy),
        f"wrong action   {summary.wrong_action}",
        f"false reject   {summary.false_reject}",
        f"false accept   {summary.false_accept}",
    ]
    if summary.wer is not None:
        lines.append(f"word errors    {100 * summary.wer:.1f} %")
    if summary.latency_ms is not None:
        latency = summary.latency_ms
        lines.append(
            f"latency        {latency.p50:.0f} ms median, {latency.p95:.0f} ms at 95 %, "
            f"{latency.max:.0f} ms at most"
        )
    if summary.realtime_factor is not None:
        lines.append(f"real time      {summary.realtime_factor:.3f} s of work per second of sound")
    lines.append(f"peak memory    {summary.peak_rss_mb:.0f} MB")
    for mistake in summary.errors:
        confidence = "" if mistake.confidence is None else f" ({mistake.confidence:.2f})"
        lines.append(
            f"{mistake.kind:14} {mistake.clip}: expected {mistake.expected}, "
            f"got {mistake.heard}{confidence}"
        )
    return "\n".join(lines)


def _share(accuracy: float | None) -> str:
    return "" if accuracy is None else f" ({100 * accuracy:.1f} %)"
