"""What a machine lacks for a build is said as a command, which the test on fresh machines runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from builder import machine
from builder.stages import BuildError
from emulation.fresh_hosts import ADVICE


def test_all_that_is_missing_is_named_at_once_as_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine.shutil, "which", lambda _: None)  # type: ignore[attr-defined]
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError) as told:
        machine.examine(tmp_path / "cache")
    command = ADVICE.search(str(told.value))
    assert command
    packages = command[1].removeprefix("apt-get install -y ").split()
    assert set(packages) == {*machine.NEEDED.values(), "python3-venv"}
    assert not (tmp_path / "cache").exists()
