"""The log of a real process: its descriptors, and a reader like journald."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

BUSY = r"""
import logging, os
from appliance.system import logs
logs.set_up("info")
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
logging.getLogger("appliance").info("ready, 21 \N{DEGREE SIGN}C")
"""


def told(script: str, environment: dict[str, str]) -> str:
    """What the script writes to a pipe that stands for standard error."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        stderr=subprocess.PIPE,
        check=True,
    )
    return done.stderr.decode()


FORM = """
from appliance.system import logs
from python_multipart.multipart import MultipartParser, MultipartParseError
logs.set_up("info")
try:
    MultipartParser(b"x").write(b"no form")
except MultipartParseError:
    logs.logging.getLogger("appliance").info("refused")
"""


def test_a_malformed_form_of_a_client_is_no_line() -> None:
    (line,) = told(FORM, {}).splitlines()
    assert line.endswith(" refused")


def test_no_line_is_lost_while_a_library_silences_standard_error() -> None:
    assert told(BUSY, {"LC_ALL": "C", "PYTHONUTF8": "0"}).endswith(" ready, 21 °C\n")


def test_the_journal_is_known_by_the_stream_that_it_reads() -> None:
    naming = """
import os, sys
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
"""
    assert told(naming + BUSY, {}) == "<6>ready, 21 °C\n"
    assert not told(BUSY, {"JOURNAL_STREAM": "1:1"}).startswith("<")


def test_setting_up_again_leaves_no_descriptor_open() -> None:
    script = """
import os
from appliance.system import logs
logs.set_up("info")
before = len(os.listdir("/proc/self/fd"))
for _ in range(5):
    logs.set_up("info")
assert len(os.listdir("/proc/self/fd")) == before
"""
    assert told(script, {"PYTHONWARNINGS": "error"}) == ""
