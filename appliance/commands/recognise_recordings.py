"""`appliance listen`: recognises recordings as the daemon does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.audio.decoder_process import decode_recording
from appliance.commands import one_job
from appliance.endpointing.segmenter import utterance_from
from appliance.engines.silero import Silero
from appliance.errors import AudioError
from appliance.ids import Ids
from appliance.pipeline import pipeline_factory
from appliance.values import Source, Trigger

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Example:
  appliance listen kitchen.wav --json

A file counts as one sentence, whatever pauses it has.

Exit status: 0 there is a result for each file, whatever was understood; 1 a
file could not be decoded or processed (the others are processed nevertheless)."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="WAV, FLAC or anything that PyAV reads"
    )
    one_job.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    config = one_job.prepare(arguments)
    ids, status = Ids(), 0
    detector = Silero()
    with pipeline_factory.opened_pipeline(config) as pipeline:
        for path in arguments.files:
            try:
                samples = decode_recording(path, maximum_seconds=config.requests.maximum_audio_s)
            except AudioError as error:
                print(f"appliance: {error}", file=sys.stderr)
                status = 1
                continue
            utterance = utterance_from(
                samples,
                detector,
                config.listening,
                new_id=ids.new(),
                trigger=Trigger.FILE,
                source=Source.COMMAND_LINE,
            )
            result = one_job.result_of(utterance, pipeline)
            name = f"{path}: " if len(arguments.files) > 1 else ""
            one_job.show(result, as_json=arguments.json, name=name)
            status = max(status, one_job.exit_status_of(result))
    return status
