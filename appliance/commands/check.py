"""`appliance check`: one line per question, with a mark for warnings and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from appliance import doctor
from appliance.config import load
from appliance.doctor.check_result import CheckVerdict, ok
from appliance.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from appliance.doctor.check_result import CheckResult

MARKS = {
    CheckVerdict.OK: "[ ok ]",
    CheckVerdict.WARNING: "[warn]",
    CheckVerdict.ERROR: "[FAIL]",
    CheckVerdict.NOT_HERE: "[ -- ]",
}
CONFIG = "config"
"""The question about the configuration itself."""

QUESTION_WIDTH = max(map(len, doctor.QUESTIONS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `appliance check`."""
    parser.epilog = """\
Examples:
  appliance check
  appliance check --offline     prove that nothing leaves your network

Exit status: 0 no error, 1 an error (with --warnings-as-errors also a warning),
78 wrong configuration."""
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument(
        "--offline",
        action="store_true",
        help="only network connections, in full: sockets, traffic, firewall rules",
    )
    parser.add_argument(
        "--warnings-as-errors", action="store_true", help="exit status 1 for warnings, too"
    )


def run(arguments: argparse.Namespace) -> int:
    """Answer every question; 0 with warnings only, 1 with an error, 78 if the config is wrong."""
    answers: list[CheckResult] = []
    for answer in _answers(arguments):
        answers.append(answer)
        if not arguments.json:
            print(line_of(answer), flush=True)
    report = doctor.report_of(answers, warnings_are_errors=arguments.warnings_as_errors)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        print(f"\n{_count(report.errors, 'error')}, {_count(report.warnings, 'warning')}")
    if any(one.question == CONFIG and one.verdict is CheckVerdict.ERROR for one in answers):
        return ConfigError.exit_status
    return 0 if report.ok else 1


def line_of(answer: CheckResult) -> str:
    """An answer as a line for a person: mark, question, what was found, what to do."""
    advice = f"; {answer.advice}" if answer.advice else ""
    return f"{MARKS[answer.verdict]} {answer.question:<{QUESTION_WIDTH}} {answer.found}{advice}"


def _answers(arguments: argparse.Namespace) -> Iterator[CheckResult]:
    try:
        config = load(arguments.config)
        yield ok(CONFIG, f"{arguments.config}")
        questions = doctor.OFFLINE if arguments.offline else doctor.USUAL
        yield from doctor.examine(doctor.context_of(config, arguments.config), questions)
    except ConfigError as failure:
        yield from doctor.config_errors(failure, CONFIG)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
