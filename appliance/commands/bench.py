"""`appliance bench`: measures speed and memory of every stage on this board."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.bench import benchmark, thermal_soak
from appliance.commands import one_job
from appliance.evaluation.manifest import SAMPLES
from appliance.system.sensors import Board, board_root

if TYPE_CHECKING:
    from appliance.bench.benchmark import BenchmarkReport
    from appliance.bench.prefix_speed import PrefixSpeed
    from appliance.bench.speech_model_advice import SpeechModelAdvice
    from appliance.config import Config

A_DAY = 1440.0

ROWS = 10
"""Minimum number of rows of the table, even in a short soak."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Examples:
  appliance bench
  appliance bench --soak 20 --plot soak.svg    heat and supply under load

Stop the service first. Each recording is decoded alternately under the grammar
and, for comparison, without constraints in a 30 s window; so the ratio is
right on a busy board, too."""
    parser.add_argument(
        "--clips",
        type=Path,
        default=SAMPLES / "manifest.jsonl",
        metavar="MANIFEST.jsonl",
        help="your own recordings in place of the included samples",
    )
    parser.add_argument(
        "--runs", type=_one_or_more, default=5, metavar="N", help="runs of each clip (default: 5)"
    )
    parser.add_argument(
        "--threads", type=_one_or_more, metavar="N", help="in place of device.threads"
    )
    parser.add_argument(
        "--soak",
        type=_minutes,
        metavar="MINUTES",
        help="work without pause instead, and print temperature, clock and speed (try 20)",
    )
    parser.add_argument(
        "--plot",
        type=_writable_path,
        metavar="FILE.svg",
        help="with --soak: draw the readings over time",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(arguments: argparse.Namespace) -> int:
    config = one_job.prepare(arguments)
    if arguments.threads:
        device = msgspec.structs.replace(config.device, threads=arguments.threads)
        config = msgspec.structs.replace(config, device=device)
    if arguments.soak is not None:
        return _soak(config, arguments.soak, arguments.plot, as_json=arguments.json)
    if arguments.plot is not None:
        print("appliance bench: --plot requires --soak MINUTES", file=sys.stderr)
        return 2
    report = benchmark.measure(
        config,
        arguments.clips,
        arguments.runs,
        board=Board().model,
        report=lambda words: print(f"{words} ...", file=sys.stderr, flush=True),
    )
    print(msgspec.json.encode(report).decode() if arguments.json else _as_text(report))
    return 0


def _one_or_more(word: str) -> int:
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, not {word!r}")
    return int(word)


def _minutes(word: str) -> float:
    try:
        minutes = float(word)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= A_DAY:
        raise argparse.ArgumentTypeError(
            f"must be minutes, above 0, at most {A_DAY:.0f}, not {word!r}"
        )
    return minutes


def _writable_path(word: str) -> Path:
    """A path that is checked to be writable before the board works for twenty minutes."""
    path = Path(word)
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write a file at {word!r}")
    return path


def _soak(config: Config, minutes: float, picture: Path | None, *, as_json: bool) -> int:
    board = Board(board_root())

    def say(row: thermal_soak.SoakSample) -> None:
        if not as_json:
            print(thermal_soak.as_line(row), flush=True)

    if not as_json:
        print(thermal_soak.table_head(), flush=True)
    every_s = min(30.0, minutes * 60 / ROWS)
    rows = thermal_soak.soak(config, board, minutes, every_s, say)
    report = thermal_soak.judge(board.model, rows)
    if picture is not None:
        picture.write_text(thermal_soak.as_svg(report), encoding="utf-8")
    print(msgspec.json.encode(report).decode() if as_json else thermal_soak.as_text(report))
    return 0


def _as_text(report: BenchmarkReport) -> str:
    memory = "" if report.memory_mb is None else f", {report.memory_mb:.0f} MB resident"
    memory += f" ({report.peak_memory_mb:.0f} MB at most)"
    columns = f"{'recording':28} {'s':>5} {'grammar':>8} {'encode':>7} {'padded':>8} {'ratio':>6}"
    lines = [
        (
            f"{report.board or 'this machine'}: {report.cores} cores, "
            f"{report.threads} threads used, {report.stt}{memory}"
        ),
        "start: " + ", ".join(f"{stage.name} {stage.seconds:.2f} s" for stage in report.start),
        "",
        "times in ms; padded: unconstrained decoding in a 30 s window",
        f"{columns} {'calls':>6} {'tokens':>7}  right",
    ]
    lines += [
        f"{clip.name[:28]:28} {clip.seconds:5.1f} {clip.ours_ms:8.0f} "
        f"{clip.encode_ms:7.0f} {clip.padded_ms:8.0f} "
        f"{clip.ratio:6.2f} {clip.calls:6} {clip.tokens:7}  "
        f"{_yes(right=clip.ours_right)} / {_yes(right=clip.padded_right)}"
        for clip in report.clips
    ]
    lines.append(
        f"median ratio {report.ratio:.2f}; {report.realtime_factor:.3f} s of work per second of "
        "speech"
    )
    lines += ["", "speech models that know the language:", *map(_advice, report.speech_models)]
    if (model := report.language_model) is not None:
        first = ", ".join(f"{each:.0f}" for each in model.first_token_ms)
        speed = "" if model.tokens_per_s is None else f", {model.tokens_per_s:.0f} tokens/s"
        held = "" if model.memory_mb is None else f", {model.memory_mb:.0f} MB"
        lines += [
            "",
            f"{model.name}: loaded in {model.load_s:.1f} s, first token after {first} ms"
            + speed
            + held,
            *_prefix_lines(model.prefix),
        ]
    return "\n".join(lines)


def _advice(model: SpeechModelAdvice) -> str:
    factor = "" if model.realtime_factor is None else f"{model.realtime_factor:.2f}"
    how = "measured" if model.measured else "estimated"
    return f"  {model.name:18} {factor:>6} {how:9} {model.memory_mb:5} MB  {model.words}"


def _prefix_lines(prefix: PrefixSpeed) -> list[str]:
    reading = prefix.prompt_tokens_per_s
    plain = prefix.plain_ms
    lines = [
        f"first token after a constant prefix of {prefix.cached_tokens} tokens: "
        f"{prefix.cold_ms:.0f} ms cold, {prefix.warm_ms:.0f} ms warm, "
        f"{prefix.restored_ms:.0f} ms after a restart"
        + ("" if reading is None else f"; prompt {reading:.0f} tokens/s")
    ]
    against = (
        f"llama-cpp-python's chat call: {plain:.0f} ms; ratio {prefix.warm_ms / plain:.2f} "
        f"warm, {prefix.restored_ms / plain:.2f} after a restart"
    )
    return [*lines, against]


def _yes(*, right: bool) -> str:
    return "yes" if right else "no"
