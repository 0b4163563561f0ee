"""Commands that the page runs beside the daemon: their outcome, their limit, and their end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.waiting import until

from appliance.page import command_process
from appliance.page.command_process import run_command

ENDLESS = """
import asyncio, sys
from pathlib import Path
from appliance.page import command_process
command_process.PROGRAM = command_process.PROGRAM.split(" runpy.run_module")[0] + (
    "import time; print('runs', flush=True, file=__import__('sys').stderr); time.sleep(600)"
)
asyncio.run(command_process.run_command(
    Path("config.toml"), "x", limit_s=600, on_line=lambda line: print(line, flush=True)
))
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('[device]\nname = "cellar"\n')
    return path


def test_a_command_is_that_of_the_command_line_with_the_daemons_configuration(config: Path) -> None:
    shown = asyncio.run(run_command(config, "config", "show", limit_s=60.0))
    assert shown.done
    assert b'name = "cellar"' in shown.output
    lines: list[str] = []
    wrong = run_command(config, "models", "pull", "nothing", limit_s=60.0, on_line=lines.append)
    outcome = asyncio.run(wrong)
    assert outcome.status == 2
    assert "nothing" in outcome.said
    assert lines == outcome.said.splitlines()


def test_a_command_that_takes_too_long_is_ended(config: Path) -> None:
    before = psutil.Process().children()
    outcome = asyncio.run(run_command(config, "bench", limit_s=0.2))
    assert outcome.status is None
    assert not outcome.done
    assert set(psutil.Process().children()) <= set(before)


def test_a_command_ends_with_the_appliance_even_if_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "runs\n"
        (child,) = psutil.Process(parent.pid).children()
        assert child.nice() > psutil.Process(parent.pid).nice()
        parent.kill()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(("unit", "offline"), [(False, False), (True, True)])
def test_only_a_pull_may_ask_the_hub_and_not_against_the_services_unit(
    monkeypatch: pytest.MonkeyPatch, *, unit: bool, offline: bool
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    if unit:
        monkeypatch.setenv("INVOCATION_ID", "0123")
    assert ("HF_HUB_OFFLINE" in command_process._environment(online=True)) is offline
    assert "HF_HUB_OFFLINE" in command_process._environment(online=False)
    assert "HF_HUB_OFFLINE" in os.environ
