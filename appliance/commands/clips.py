"""`appliance clips`: lists, adds and removes the owner's examples for evaluate and calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from appliance import config as configuration
from appliance.audio.decoder_process import decode_recording
from appliance.clips.labelled_clips import LabelledClips
from appliance.commands.action_parsers import add_actions
from appliance.errors import EditRefused
from appliance.evaluation.manifest import expected_commands
from appliance.pipeline.pipeline_factory import load_sentences
from appliance.sentences.sentence_fit import fit_of

if TYPE_CHECKING:
    import argparse

    from appliance.config import Config
    from appliance.evaluation.manifest import Clip
    from appliance.values import Intent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance clips`."""
    parser.epilog = """\
Examples:
  appliance clips add door.wav --means "turn on the kitchen light"
  appliance clips add radio.wav --nothing
  appliance clips list
  appliance evaluate
  appliance calibrate

An example is a recording from your rooms with its meaning. The page adds them
from what was just said (Teach, if clips.keep is on). They are in the folder
clips of the state directory, with a manifest.jsonl, which evaluate and
calibrate read if you name no other one. clips.maximum and clips.maximum_mb
bound them.

Exit status: 0 done, 1 it cannot be added, or there is none."""
    adding, listing, remove = add_actions(
        parser,
        {
            "add": "keep a recording as an example",
            "list": "the examples with their meaning",
            "remove": "delete an example",
        },
    )
    adding.add_argument("file", type=Path, metavar="FILE", help="a recording of one sentence")
    meaning = adding.add_mutually_exclusive_group(required=True)
    meaning.add_argument("--means", metavar="SENTENCE", help="a declared sentence that means it")
    meaning.add_argument(
        "--nothing", action="store_true", help="it is no declared sentence, and must be refused"
    )
    adding.add_argument("--area", default="", metavar="ROOM", help="the room of the speaker")
    listing.add_argument("--json", action="store_true", help="the lines of the manifest")
    remove.add_argument("name", metavar="NAME", help="of the file, as `list` shows it")


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    config = configuration.load(arguments.config)
    clips = LabelledClips(config)
    if arguments.action == "add":
        meaning = () if arguments.nothing else _meaning_of(config, arguments.means)
        most = config.requests.maximum_audio_s
        samples = decode_recording(arguments.file, maximum_seconds=most)
        print(clips.add(arguments.file.stem, samples, meaning, arguments.area))
    elif arguments.action == "list":
        for clip in clips.clips():
            line = msgspec.json.encode(clip).decode() if arguments.json else _as_text(clip)
            print(line)
    else:
        clips.remove(arguments.name)
    return 0


def _meaning_of(config: Config, sentence: str) -> tuple[Intent, ...]:
    fit = fit_of(load_sentences(config), sentence)
    if not fit.intents:
        near = f"; nearest: {' / '.join(fit.nearest)}" if fit.nearest else ""
        raise EditRefused(f"“{sentence}” is no declared sentence{near}")
    return fit.intents


def _as_text(clip: Clip) -> str:
    meanings = [
        " ".join([name, *(f"{slot}={value}" for slot, value in slots.items())])
        for name, slots in expected_commands(clip)
    ]
    unlabelled = "(no meaning)" if clip.intent is UNSET else "(to be refused)"
    return f"{clip.audio or clip.text}  {' + '.join(meanings) or unlabelled}"
