"""`appliance ask`: a text is treated like speech."""

from __future__ import annotations

import argparse

from appliance.commands import one_job
from appliance.ids import Ids
from appliance.pipeline import pipeline_factory
from appliance.values import Source, TextInput, Trigger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Example:
  appliance ask "turn on the kitchen light"

Exit status: 0 there is a result, whatever was understood; 1 the work failed."""
    parser.add_argument(
        "text", nargs="+", type=_words, metavar="TEXT", help="a sentence, as if it were spoken"
    )
    one_job.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    config = one_job.prepare(arguments)
    " ".join(arguments.text).encode()  # what the shell passed may not be UTF-8
    job = TextInput(
        id=Ids().new(),
        text=" ".join(arguments.text),
        source=Source.COMMAND_LINE,
        trigger=Trigger.COMMAND_LINE,
    )
    with pipeline_factory.opened_pipeline(config, hears=False) as pipeline:
        result = one_job.result_of(job, pipeline)
    one_job.show(result, as_json=arguments.json)
    return one_job.exit_status_of(result)


def _words(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("there are no words in it")
    return text
