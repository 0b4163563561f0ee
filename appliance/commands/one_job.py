"""Shared by `listen`, `ask` and `evaluate`: does one job in this process and shows the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance import config
from appliance.ids import boot_id
from appliance.jobs.result_for_terminal import readable
from appliance.models.speech_model_choice import with_usable_model
from appliance.pipeline import pipeline_factory
from appliance.system import logs
from appliance.system.board_state import BoardState
from appliance.system.clock_sync import clock_synced
from appliance.system.sensors import Board
from appliance.values import Outcome, encode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from appliance.pipeline.pipeline import Pipeline
    from appliance.values import Job, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="print the complete result as one JSON line"
    )


def prepare(
    arguments: argparse.Namespace,
    overridden: Callable[[config.Config], config.Config] = lambda loaded: loaded,
) -> config.Config:
    """Load the configuration and log warnings only: the output is the result.

    `overridden` puts in what the command line says, before speech models are chosen.
    """
    loaded = overridden(config.load(arguments.config))
    logs.set_up("debug" if loaded.log.level == "debug" else "warning")
    pipeline_factory.go_offline()
    return with_usable_model(loaded)


def result_of(job: Job, pipeline: Pipeline) -> Result:
    """The result of a job, by the daemon's own pipeline."""
    board = BoardState(reading=Board().read(), clock_synced=clock_synced(), boot_id=boot_id())
    return pipeline.process_job(job, board, lambda: False)


def show(result: Result, *, as_json: bool, name: str = "") -> None:
    """Print a result for a person, or as JSON."""
    if as_json:
        print(encode(result).decode(), flush=True)
        return
    lines = readable(result)
    total = result.timings_ms.get("total_after_speech", result.timings_ms.get("total", 0.0))
    print(f"{name}{lines[0]}")
    for line in (*lines[1:], f"took {total / 1000:.2f} s"):
        print(f"  {line}", flush=True)


def exit_status_of(result: Result) -> int:
    """1 for a failed job only: that nothing was understood is a result, too."""
    return 1 if result.outcome is Outcome.FAILED else 0
