"""Questions about the board: clock, temperature, power, disk, memory."""

from __future__ import annotations

import errno
import tempfile
import time
from typing import TYPE_CHECKING

from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.journal.database import damaged_journals, newer_journals
from appliance.models import catalogue
from appliance.models.store import is_path
from appliance.system.clock_sync import clock_synced
from appliance.system.sensors import firmware, supply, temperature
from appliance.system.sensors import memory as ram

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAUSIBLE = 1_767_225_600
"""Unix seconds of 2026; a clock before it was never set."""

WARM_C, HOT_C = 75.0, 82.0
"""A Raspberry Pi slows down from 80 °C on."""

GOOD_SUPPLY_MA = 5000
"""What a Pi 5 wants; with less it denies power to USB devices and may run short."""

LITTLE_DISK_MB, NO_DISK_MB = 500.0, 50.0

APPLIANCE_MB = 120.0
"""Resident without models: Python, numpy, the engines' libraries."""


def clock(place: CheckContext) -> Iterator[CheckResult]:
    """Whether the time is right."""
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if time.time() < PLAUSIBLE:
        report = error if place.config.mqtt.tls else warning
        why = "; TLS certificates are not valid yet" if place.config.mqtt.tls else ""
        yield report("clock", f"it was never set: {now}{why}", "give it a time source (NTP)")
        return
    synced = clock_synced(place.root)
    if synced is None:
        yield not_here("clock", f"{now}; nobody can say whether a time source keeps it right")
    elif synced:
        yield ok("clock", f"{now}, kept right by a time source")
    else:
        advice = "give it a time source (NTP); results say clock_synced: false until then"
        yield warning("clock", f"{now}, but no time source keeps it right", advice)


def heat(place: CheckContext) -> Iterator[CheckResult]:
    """Whether the processor is cool enough."""
    celsius = temperature.processor_c(place.root)
    if celsius is None:
        yield not_here("temperature", "the board has no sensor for it")
    elif celsius >= HOT_C:
        yield error("temperature", f"{celsius} °C: the board slows down", "cool it: a fan, air")
    elif celsius >= WARM_C:
        advice = "give it air or a heat sink before it slows down at 80 °C"
        yield warning("temperature", f"{celsius} °C", advice)
    else:
        yield ok("temperature", f"{celsius} °C")


def power(place: CheckContext) -> Iterator[CheckResult]:
    """Whether the supply gives enough."""
    bits = firmware.bits(place.root)
    low, slowed = supply.under_voltage(place.root, bits), supply.throttled(place.root, bits)
    offered = supply.usb_supply_ma(place.root)
    complaints = []
    if low:
        found = "the supply's voltage is too low"
        complaints.append(error("power", found, "use the board's own supply and a short cable"))
    if slowed:
        advice = "see power and temperature"
        complaints.append(warning("power", "the board holds the processor back now", advice))
    if supply.usb_over_current(place.root):
        found = "what hangs on the USB ports drew too much when the board was started"
        complaints.append(warning("power", found, "give it a supply of its own: a powered hub"))
    if offered is not None and 0 < offered < GOOD_SUPPLY_MA:
        found = f"the supply offers {offered / 1000:g} A; the board would like 5 A"
        complaints.append(warning("power", found, "use a 5 V, 5 A supply (27 W)"))
    yield from complaints
    if not complaints:
        if low is None and slowed is None:
            yield not_here("power", "the board does not watch its supply")
        else:
            yield ok("power", "the voltage is right, and the processor is not held back")


def disk(place: CheckContext) -> Iterator[CheckResult]:
    """Whether results can be kept."""
    folder = place.config.state_directory
    for path in damaged_journals(folder):
        found = f"{path}: a journal that could not be read whole; what was legible was saved"
        yield warning("disk", found, "check the card; keep the file for a report, or remove it")
    for path in newer_journals(folder):
        found = f"{path}: a newer version's journal; all that waited in it goes on without it"
        yield warning("disk", found, "remove it, unless you go back to that version")
    problem = _cannot_write(folder)
    free = ram.disk_free_mb(folder)
    if problem is not None:
        advice = "make it writable for the appliance's user or set device.state_directory"
        if problem.errno == errno.ENOSPC:
            advice = "free some space; results cannot be kept"
        yield error("disk", f"{folder}: {problem.strerror}", advice)
    elif free is None:
        yield ok("disk", f"{folder} is writable")
    elif free < NO_DISK_MB:
        yield error("disk", f"{folder}: {free:.0f} MB free", "free some space")
    elif free < LITTLE_DISK_MB:
        yield warning("disk", f"{folder}: {free:.0f} MB free", "free some space")
    else:
        yield ok("disk", f"{folder} is writable; {free / 1000:.1f} GB free")


def _cannot_write(folder: Path) -> OSError | None:
    """What hinders a file in `folder`, or in the first folder above it that is there."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as trial:
            trial.write(b"appliance check")
            trial.flush()
    except OSError as problem:
        return problem
    return None


def memory(place: CheckContext) -> Iterator[CheckResult]:
    """Whether the models fit."""
    total, available = ram.total_mb(place.root), ram.available_mb(place.root)
    if total is None or available is None:
        yield not_here("memory", "the board does not say how much it has")
        return
    names = place.config.models
    known = [catalogue.models()[name] for name in names if name in catalogue.models()]
    needed = APPLIANCE_MB + sum(model.memory_mb for model in known)
    least = "at least " if any(is_path(name) for name in names) else ""
    found = f"{least}{needed:.0f} MB needed, {available:.0f} of {total:.0f} MB available"
    if needed > total:
        yield error("memory", found, "choose smaller models: appliance models list")
    elif place.daemon is None and needed > available:
        yield warning("memory", found, "stop other programs or choose smaller models")
    else:
        yield ok("memory", found)
