"""The image's files, read as systemd, the firmware and the kernel read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builder import firmware
from support.requirements import skip_unless_ci

REPOSITORY = Path(__file__).parents[2]
OVERLAY = REPOSITORY / "image-build/overlay"
UNITS = "usr/lib/systemd/system"

FROM_DEBIAN = {"nftables.service", "systemd-networkd.service", "systemd-networkd.socket"}
"""Units of packages that the overlay enables."""


def test_systemd_has_nothing_to_say_against_the_units_of_the_image(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        skip_unless_ci("systemd-analyze is not here: install the package systemd")
    shutil.copytree(OVERLAY / UNITS, tmp_path / "units")
    shutil.copy(REPOSITORY / "systemd/appliance.service", tmp_path / "units")
    units = [path for path in (tmp_path / "units").iterdir() if path.is_file()]
    for path in units:
        # It wants programs to be there, which on this machine are not.
        text = re.sub(
            r"(?m)^ExecStart=(/usr/sbin|/opt)/\S+.*", "ExecStart=/bin/true", path.read_text()
        )
        path.write_text(text)
    done = subprocess.run(
        [f"{program}", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path / 'units'}:", "PATH": "/usr/bin:/bin"},
    )
    # An unknown key or a wrong value is a warning only, with status 0.
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_each_unit_that_is_switched_on_is_there() -> None:
    links = [path for path in OVERLAY.rglob("*.wants/*") if path.is_symlink()]
    assert links
    for link in links:
        target = link.readlink()
        assert target.name == link.name
        assert target.name in FROM_DEBIAN or (OVERLAY / f"{target}".lstrip("/")).is_file()


def test_what_wants_to_be_installed_is_switched_on() -> None:
    on = {path.name for path in OVERLAY.rglob("*.wants/*")}
    wanted = {path.name for path in OVERLAY.glob(f"{UNITS}/*") if _is_installed(path)}
    assert wanted <= on


def _is_installed(path: Path) -> bool:
    return path.is_file() and "[Install]" in path.read_text()


def test_every_drop_in_belongs_to_a_unit_and_none_replaces_the_service() -> None:
    assert not (OVERLAY / UNITS / "appliance.service").exists()
    drop_in = (OVERLAY / UNITS / "appliance.service.d/image.conf").read_text()
    assert "ExecStart" not in drop_in


def test_the_kernel_finds_the_slot_that_the_tools_find() -> None:
    for slot in ("a", "b"):
        words = firmware.COMMAND_LINE.format(slot=slot).split()
        assert f"root=PARTLABEL=system_{slot}" in words
        assert f"appliance.slot={slot}" in words
        assert any(word.startswith("panic=") for word in words), "a slot that panics must be left"


def test_the_firmware_s_file_names_what_lies_beside_it() -> None:
    told = dict(line.split("=", 1) for line in firmware.CONFIG.splitlines() if "=" in line[:20])
    assert told["kernel"] == "vmlinuz"
    assert told["arm_64bit"] == "1"
    assert told["upstream_kernel"] == "1"
    assert "initramfs initrd followkernel" in firmware.CONFIG.splitlines()
    assert told["start_file"] in firmware.FIRMWARE
    assert told["fixup_file"] in firmware.FIRMWARE
    # With less than 32 MB it looks for start4cd.elf, whatever else it is told, and stops.
    assert int(told["gpu_mem"]) >= 32


def test_the_light_can_blink() -> None:
    """The kernel loads no trigger for who writes its name."""
    loaded = (OVERLAY / "usr/lib/modules-load.d/appliance-image.conf").read_text().splitlines()
    assert "ledtrig-timer" in loaded


def test_what_each_microphone_s_driver_stands_on_is_kept() -> None:
    """snd-usb-audio needs media/mc, which lies in a folder that no board needs else."""
    words = (REPOSITORY / "image-build/lists/modules-dropped.txt").read_text().split()
    assert "drivers/media" not in words or "!drivers/media/mc" in words


def test_no_password_and_no_key_lies_in_the_image() -> None:
    for path in OVERLAY.rglob("*"):
        if path.is_file() and not path.is_symlink():
            text = path.read_text()
            assert "PRIVATE KEY" not in text, path
            assert not re.search(r"(?m)^root:[^*!]", text), path
    settings = (OVERLAY / "etc/ssh/sshd_config.d/appliance.conf").read_text()
    assert "PasswordAuthentication no" in settings


@pytest.mark.parametrize("server", ["pool.ntp.org", "1.1.1.1", "8.8.8.8", "dns.google"])
def test_nobody_outside_is_named(server: str) -> None:
    for path in OVERLAY.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert server not in path.read_text(), path
