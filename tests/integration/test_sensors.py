"""The board's sensors against copies of the kernel's files from several boards."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import logging
import os
import shutil
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from appliance.system.sensors import (
    Board,
    Transitions,
    board_root,
    firmware,
    load_memory_disk,
    throttling,
)
from appliance.system.sensors.power_meter import Power, PowerMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import BoardReading

BOARDS = Path(__file__).parent.parent / "fixtures/boards"
TREES = sorted(path.name for path in BOARDS.iterdir() if path.is_dir())
OF_THE_PROCESS = {"memory_used_mb", "disk_free_mb"}
OF_ONE_FILE = [
    {"volts", "watts", "joules"},
    {"under_voltage", "under_voltages", "throttled", "throttlings", "firmware_bits"},
    {"fan_rpm", "temperature_c"},
    {"battery_percent", "volts", "watts", "joules"},
    {"core_volts", "volts", "watts", "joules"},
]
"""Files that several sensors depend on: a chip's name, the type of a supply, the mailbox."""


def put(root: Path, path: str, text: object) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n", encoding="ascii")


def of_the_board(reading: BoardReading) -> dict[str, float | None]:
    return {
        name: value
        for name, value in dataclasses.asdict(reading).items()
        if name not in OF_THE_PROCESS
    }


def clock_of(*seconds: float) -> Callable[[], float]:
    return iter(seconds).__next__


@pytest.fixture(autouse=True)
def _firmware(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake firmware: the file in place of /dev/vcio has the reply to each command, as JSON."""

    def ioctl(mailbox: int, request: int, message: bytearray) -> int:
        assert request == firmware.IOCTL
        question = message[24:].partition(b"\0")[0].decode()
        try:
            answers = msgspec.json.decode(os.pread(mailbox, 65536, 0), type=dict[str, str])
        except (OSError, msgspec.DecodeError):
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device") from None
        told = answers.get(question, 'error=1 error_msg="Command not registered"').encode() + b"\0"
        struct.pack_into("<I", message, 4, firmware.RESPONSE_OK)
        message[24 : 24 + len(told)] = told
        return 0

    monkeypatch.setattr("appliance.system.sensors.firmware.fcntl.ioctl", ioctl)


def answering(root: Path, answers: dict[str, str]) -> None:
    """Make the firmware of the board under `root` give these replies."""
    put(root, firmware.MAILBOX, msgspec.json.encode(answers).decode())


@pytest.mark.parametrize("tree", TREES)
def test_the_readings_of_a_board_are_those_in_its_golden_file(tree: str) -> None:
    board = Board(BOARDS / tree)
    expected = msgspec.json.decode((BOARDS / f"{tree}.json").read_bytes())
    assert {"model": board.model, **of_the_board(board.read())} == expected


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"\xff\xfe\x00garbage"),
        lambda file: file.write_text("-99999999999999999999999"),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: file.unlink(),
    ],
    ids=["empty", "not text", "impossible", "a folder", "gone"],
)
def test_a_broken_sensor_does_not_affect_the_others(
    tree: str, spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(BOARDS / tree, broken)
    whole = of_the_board(Board(broken).read())
    for file in [path for path in broken.rglob("*") if path.is_file()]:
        held = file.read_bytes()
        spoil(file)
        firmware._file.cache_clear()
        reading = of_the_board(Board(broken).read())
        lost = {name for name in whole if whole[name] is not None and reading[name] is None}
        assert len(lost) <= 1 or any(lost <= group for group in OF_ONE_FILE)
        celsius = reading["temperature_c"]
        assert celsius is None or -40 < celsius < 150
        if file.is_dir():
            file.rmdir()
        file.write_bytes(held)
    assert of_the_board(Board(broken).read()) == whole


def test_a_sensor_that_raises_is_ignored_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    board = Board(BOARDS / "pi4")

    class FailingPowerMeter(PowerMeter):
        def read(self) -> Power:
            raise RuntimeError("burnt")

    board._meter = FailingPowerMeter(BOARDS)
    with caplog.at_level(logging.WARNING):
        assert board.read().temperature_c == 48.7
        assert board.read().watts is None
    assert [record.getMessage() for record in caplog.records] == [
        "the meter sensor failed and is ignored: burnt"
    ]


def test_a_board_without_sensors_has_no_readings_and_no_zeros(tmp_path: Path) -> None:
    assert set(of_the_board(Board(tmp_path).read()).values()) == {None}
    assert Board(tmp_path).model is None


def test_the_appliance_s_own_memory_and_disk_are_measured(tmp_path: Path) -> None:
    reading = Board(BOARDS / "vm", state_directory=tmp_path / "not" / "yet").read()
    assert reading.memory_used_mb is not None
    assert reading.memory_used_mb > 10
    assert reading.disk_free_mb == pytest.approx(
        shutil.disk_usage(tmp_path).free / load_memory_disk.MB, rel=0.05
    )


def test_of_several_thermal_zones_the_hottest_counts(tmp_path: Path) -> None:
    zones = [("soc-thermal", 51000), ("bigcore0-thermal", 63200), ("gpu-thermal", 80000)]
    for n, (kind, millidegrees) in enumerate(zones):
        put(tmp_path, f"sys/class/thermal/thermal_zone{n}/type", kind)
        put(tmp_path, f"sys/class/thermal/thermal_zone{n}/temp", millidegrees)
    assert Board(tmp_path).read().temperature_c == 63.2


def test_of_an_amd_processor_tdie_is_preferred(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/hwmon/hwmon3/name", "k10temp")
    for n, (label, millidegrees) in enumerate([("Tctl", 77000), ("Tdie", 50000)], start=1):
        put(tmp_path, f"sys/class/hwmon/hwmon3/temp{n}_label", label)
        put(tmp_path, f"sys/class/hwmon/hwmon3/temp{n}_input", millidegrees)
    assert Board(tmp_path).read().temperature_c == 50.0


def test_a_processor_that_the_kernel_slows_down_counts_as_throttled(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/thermal/cooling_device1/type", "cpufreq-cpu0")
    put(tmp_path, "sys/class/thermal/cooling_device1/cur_state", 0)
    assert Board(tmp_path).read().throttled is False
    put(tmp_path, "sys/class/thermal/cooling_device1/cur_state", 3)
    assert Board(tmp_path).read().throttled is True


def test_past_throttling_does_not_count_as_throttled_now(tmp_path: Path) -> None:
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50000")
    reading = Board(tmp_path).read()
    assert (reading.throttled, reading.under_voltage) == (False, False)


def test_of_a_meter_with_three_channels_the_one_that_supplies_all_is_read(tmp_path: Path) -> None:
    chip = "sys/class/hwmon/hwmon0"
    put(tmp_path, f"{chip}/name", "ina3221")
    for n, label, volts, amperes in [(1, "CPU", 900, 500), (2, "VDD_IN", 5000, 1200)]:
        put(tmp_path, f"{chip}/in{n}_label", label)
        put(tmp_path, f"{chip}/in{n}_input", volts)
        put(tmp_path, f"{chip}/curr{n}_input", amperes)
    reading = Board(tmp_path).read()
    assert (reading.volts, reading.watts) == (5.0, 6.0)


def test_joules_are_the_integral_of_watts_over_time(tmp_path: Path) -> None:
    chip = "sys/class/hwmon/hwmon0"
    put(tmp_path, f"{chip}/name", "ina219")
    put(tmp_path, f"{chip}/in1_input", 5000)
    put(tmp_path, f"{chip}/power1_input", 4_000_000)
    meter = PowerMeter(tmp_path, clock_of(100.0, 110.0, 120.0))
    assert meter.read().joules == 0.0
    assert meter.read().joules == 40.0
    put(tmp_path, f"{chip}/power1_input", 6_000_000)
    assert meter.read().joules == 90.0


def test_time_without_readings_of_the_meter_is_not_counted(tmp_path: Path) -> None:
    chip = "sys/class/hwmon/hwmon0"
    put(tmp_path, f"{chip}/name", "ina219")
    put(tmp_path, f"{chip}/in1_input", 5000)
    put(tmp_path, f"{chip}/power1_input", 4_000_000)
    meter = PowerMeter(tmp_path, clock_of(0.0, 10.0, 1000.0, 1010.0))
    meter.read()
    (tmp_path / chip / "name").rename(tmp_path / "aside")
    assert meter.read().joules is None
    (tmp_path / "aside").rename(tmp_path / chip / "name")
    assert meter.read().joules == 0.0
    assert meter.read().joules == 40.0


def test_a_rapl_counter_may_wrap_around(tmp_path: Path) -> None:
    zone = "sys/class/powercap/intel-rapl:0"
    put(tmp_path, f"{zone}/name", "package-0")
    put(tmp_path, f"{zone}/max_energy_range_uj", 100_000_000)
    put(tmp_path, f"{zone}/energy_uj", 95_000_000)
    meter = PowerMeter(tmp_path, clock_of(0.0, 5.0))
    assert (meter.read().watts, meter._joules) == (None, 0.0)
    put(tmp_path, f"{zone}/energy_uj", 5_000_000)
    power = meter.read()
    assert (power.joules, power.watts) == (10.0, 2.0)


def test_the_current_of_a_usb_supply_is_read_if_the_board_knows_it() -> None:
    assert throttling.usb_supply_ma(BOARDS / "pi5") == 5000
    assert throttling.usb_supply_ma(BOARDS / "pi-weak-supply") == 3000
    assert throttling.usb_supply_ma(BOARDS / "pi4") is None


def test_a_flag_is_counted_each_time_that_it_is_raised() -> None:
    under_voltages = Transitions()
    flags = [None, True, True, None, True, False, True, False, False]
    assert [under_voltages.count(flag) for flag in flags] == [None, 1, 1, 1, 1, 1, 2, 2, 2]


def test_a_flag_that_was_never_raised_counts_0_and_not_unknown(tmp_path: Path) -> None:
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "0")
    reading = Board(tmp_path).read()
    assert (reading.under_voltages, reading.throttlings) == (0, 0)


def test_a_dip_between_two_readings_is_counted_from_the_since_boot_bits(
    tmp_path: Path,
) -> None:
    board = Board(tmp_path)
    found = []
    for held in ("0", "50000", "50000", "50005", "50000", "0", "10000"):
        put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", held)
        reading = board.read()
        found.append((reading.under_voltages, reading.throttlings))
    assert found == [(0, 0), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2), (3, 2)]


def test_since_boot_bits_from_before_the_start_are_not_counted(tmp_path: Path) -> None:
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50000")
    reading = Board(tmp_path).read()
    assert (reading.under_voltages, reading.throttlings) == (0, 0)


def test_the_firmware_is_asked_for_its_bits_if_the_kernel_does_not_show_them(
    tmp_path: Path,
) -> None:
    board = Board(tmp_path)
    answering(tmp_path, {"get_throttled": "throttled=0x0"})
    before = board.read()
    answering(tmp_path, {"get_throttled": "throttled=0x50005"})
    reading = board.read()
    assert (before.throttled, before.under_voltage, before.firmware_bits) == (False, False, 0)
    assert (reading.throttled, reading.under_voltage) == (True, True)
    assert (reading.throttlings, reading.under_voltages) == (1, 1)
    assert reading.firmware_bits == 0x50005


def test_a_command_that_the_firmware_does_not_know_gives_none(tmp_path: Path) -> None:
    answering(tmp_path, {})
    reading = Board(tmp_path).read()
    assert (reading.throttled, reading.firmware_bits, reading.watts) == (None, None, None)
    assert (reading.core_volts, reading.clock_mhz) == (None, None)


def test_a_clock_that_the_firmware_caps_is_the_measured_one(
    tmp_path: Path,
) -> None:
    policy = "sys/devices/system/cpu/cpufreq/policy0"
    put(tmp_path, f"{policy}/scaling_cur_freq", 1_800_000)
    put(tmp_path, f"{policy}/scaling_max_freq", 1_800_000)
    assert Board(tmp_path).read().clock_mhz == 1800
    answering(tmp_path, {"measure_clock arm": "frequency(48)=600117184"})
    reading = Board(tmp_path).read()
    assert (reading.clock_mhz, reading.clock_limit_mhz) == (600, 1800)
    answering(tmp_path, {"measure_clock arm": "frequency(0)=0"})  # gated at that moment
    assert Board(tmp_path).read().clock_mhz == 1800


def test_the_core_voltage_comes_from_the_kernel_or_else_from_the_firmware(
    tmp_path: Path,
) -> None:
    answering(tmp_path, {"measure_volts core": "volt=0.8437V"})
    assert Board(tmp_path).read().core_volts == 0.844
    chip = "sys/class/hwmon/hwmon1"
    put(tmp_path, f"{chip}/name", "rpi_volt")
    put(tmp_path, f"{chip}/in1_label", "sdram_c")
    put(tmp_path, f"{chip}/in1_input", 1100)
    assert Board(tmp_path).read().core_volts == 0.844
    put(tmp_path, f"{chip}/in0_label", "core")
    put(tmp_path, f"{chip}/in0_input", 912)
    assert Board(tmp_path).read().core_volts == 0.912


@pytest.mark.parametrize("answer", ["volt=", "volt=0.84", "volt=-1.0V", "temp=48.2'C", ""])
def test_a_reply_that_is_not_a_voltage_gives_none(answer: str, tmp_path: Path) -> None:
    answering(tmp_path, {"measure_volts core": answer})
    assert Board(tmp_path).read().core_volts is None


def test_a_device_that_is_not_a_mailbox_gives_none(tmp_path: Path) -> None:
    put(tmp_path, firmware.MAILBOX, "")
    assert Board(tmp_path).read().firmware_bits is None


def test_own_memory_is_cached_between_readings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, looks = [100.0], itertools.count(1)
    monkeypatch.setattr("appliance.system.sensors.board_sensors.time.monotonic", lambda: now[0])
    monkeypatch.setattr(
        "appliance.system.memory_and_sockets.resident_mb", lambda: float(next(looks))
    )
    board = Board(BOARDS / "vm")
    shown = []
    for now[0] in (100.0, 101.0, 109.0, 110.0, 111.0):
        shown.append(board.read().memory_used_mb)
    assert shown == [1, 1, 1, 2, 2]


def test_the_battery_of_a_mouse_is_ignored(tmp_path: Path) -> None:
    supply_folder = "sys/class/power_supply/hidpp_battery_0"
    put(tmp_path, f"{supply_folder}/type", "Battery")
    put(tmp_path, f"{supply_folder}/scope", "Device")
    put(tmp_path, f"{supply_folder}/capacity", 40)
    assert Board(tmp_path).read().battery_percent is None


def test_a_fan_that_stands_still_is_0_and_not_absent(tmp_path: Path) -> None:
    assert Board(tmp_path).read().fan_rpm is None
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "pwmfan")
    put(tmp_path, "sys/class/hwmon/hwmon0/fan1_input", 0)
    assert Board(tmp_path).read().fan_rpm == 0


def test_the_energy_of_a_job_is_the_difference_of_two_readings(tmp_path: Path) -> None:
    board = Board(BOARDS / "pi4-ina219")
    before = board.joules()
    time.sleep(0.05)
    after = board.joules()
    assert before is not None
    assert after is not None
    assert after > before
    assert Board(tmp_path).joules() is None


def test_the_environment_can_name_another_board_s_files() -> None:
    assert board_root({}) == Path("/")
    assert board_root({"APPLIANCE_BOARD": str(BOARDS / "pi4")}) == BOARDS / "pi4"
