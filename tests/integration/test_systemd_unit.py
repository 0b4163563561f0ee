"""The unit file, as systemd itself reads it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.requirements import skip_unless_ci

UNIT = Path(__file__).parents[2] / "systemd/appliance.service"
PYTHON = "/opt/appliance/.venv/bin/python"


@pytest.fixture
def systemd_analyze() -> str:
    """The program, which is in Debian's package systemd."""
    program = shutil.which("systemd-analyze")
    if program is None:
        skip_unless_ci("systemd-analyze is not here: install the package systemd")
    return str(program)


def service() -> dict[str, str]:
    reader = configparser.RawConfigParser(strict=False, interpolation=None)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read(UNIT)
    return dict(reader["Service"])


def test_systemd_analyze_accepts_the_unit(systemd_analyze: str, tmp_path: Path) -> None:
    # systemd-analyze requires the program, which is elsewhere on this machine.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace(PYTHON, sys.executable), "utf-8")
    done = subprocess.run(
        [systemd_analyze, "verify", copy], capture_output=True, text=True, check=False
    )
    # An unknown key or a wrong value is a warning only, with status 0.
    said = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
    assert (said, done.returncode) == ([], 0)


def test_the_exposure_level_of_the_service_is_low(systemd_analyze: str, tmp_path: Path) -> None:
    """Also on a board with everything: pins, and a firmware that is asked."""
    whole = tmp_path / UNIT.name
    parts = [UNIT.read_text("utf-8").partition("[Install]")[0]]
    parts += [path.read_text("utf-8") for path in sorted(UNIT.parent.glob("*.conf"))]
    whole.write_text("\n".join(part for part in parts if "[Service]" in part), "utf-8")
    assert "DeviceAllow=/dev/vcio rw" in whole.read_text("utf-8")
    words = [
        systemd_analyze,
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold=14",
    ]
    for unit in (UNIT, whole):
        done = subprocess.run([*words, unit], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_systemd_restarts_after_every_error_except_a_wrong_configuration() -> None:
    unit = UNIT.read_text("utf-8")
    assert service()["RestartPreventExitStatus"] == "78"
    assert service()["Restart"] == "on-failure"
    assert "StartLimitIntervalSec=0" in unit.partition("[Service]")[0]


def test_the_service_cannot_reach_any_address_but_local_ones() -> None:
    allowed = service()["IPAddressAllow"].split()
    assert service()["IPAddressDeny"] == "any"
    assert {"any", "0.0.0.0/0", "::/0"}.isdisjoint(allowed)
    assert "HF_HUB_OFFLINE=1" in service()["Environment"]


def test_each_start_applies_the_allow_list_and_its_failure_does_not_stop_the_start() -> None:
    before = service()["ExecStartPre"]
    assert before.startswith("+-")
    assert "-m appliance network --apply --config /etc/appliance/config.toml" in before


def test_every_relaxation_has_its_reason() -> None:
    lines = UNIT.read_text("utf-8").splitlines()
    relaxed = [
        "ProcSubset=all",
        "MemoryDenyWriteExecute=no",
        "DeviceAllow=char-alsa rw",
        "IPAddressDeny=any",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        next(line for line in lines if line.startswith("ExecStartPre=+")),
    ]
    for setting in relaxed:
        above = lines[: lines.index(setting)]
        block = above[max(n for n, line in enumerate(above) if not line) :]
        assert any(line.startswith("# ") for line in block), setting
