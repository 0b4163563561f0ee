"""Checks of the board: clock, temperature, power, disk, memory."""

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
from appliance.system.sensors import firmware, temperature, throttling
from appliance.system.sensors import load_memory_disk as ram

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EARLIEST_PLAUSIBLE = 1_767_225_600
"""Unix seconds of 2026; an earlier clock was never set."""

WARM_C, HOT_C = 75.0, 82.0
"""A Raspberry Pi slows down from 80 °C on."""

GOOD_SUPPLY_MA = 5000
"""Milliamperes that a Pi 5 needs; with less it limits the power of USB devices."""

LOW_DISK_MB, MINIMUM_DISK_MB = 500.0, 50.0

APPLIANCE_MB = 120.0
"""Resident memory without models: Python, numpy, the engines' libraries."""


def clock(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the time is right."""
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if time.time() < EARLIEST_PLAUSIBLE:
        report = error if context.config.mqtt.tls else warning
        why = "; TLS certificates are not valid yet" if context.config.mqtt.tls else ""
        yield report("clock", f"it was never set: {now}{why}", "set up a time source (NTP)")
        return
    synced = clock_synced(context.root)
    if synced is None:
        yield not_here("clock", f"{now}; whether it is synchronised is unknown")
    elif synced:
        yield ok("clock", f"{now}, synchronised")
    else:
        advice = "set up a time source (NTP); until then, results have clock_synced: false"
        yield warning("clock", f"{now}, not synchronised", advice)


def heat(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the processor is cool enough."""
    celsius = temperature.processor_c(context.root)
    if celsius is None:
        yield not_here("temperature", "this board has no temperature sensor")
    elif celsius >= HOT_C:
        yield error(
            "temperature", f"{celsius} °C: the board slows down", "add a fan or a heat sink"
        )
    elif celsius >= WARM_C:
        advice = "improve its cooling; from 80 °C on it slows down"
        yield warning("temperature", f"{celsius} °C", advice)
    else:
        yield ok("temperature", f"{celsius} °C")


def power(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the supply delivers enough."""
    bits = firmware.bits(context.root)
    low, slowed = (
        throttling.under_voltage(context.root, bits),
        throttling.throttled(context.root, bits),
    )
    offered = throttling.usb_supply_ma(context.root)
    problems = []
    if low:
        found = "the supply's voltage is too low"
        problems.append(error("power", found, "use the board's own supply and a short cable"))
    if slowed:
        advice = "see the power and temperature lines"
        problems.append(warning("power", "the processor is throttled now", advice))
    if throttling.usb_over_current(context.root):
        found = "USB devices drew too much current at boot"
        problems.append(warning("power", found, "use a powered USB hub"))
    if offered is not None and 0 < offered < GOOD_SUPPLY_MA:
        found = f"the supply offers {offered / 1000:g} A; the board needs 5 A for full power"
        problems.append(warning("power", found, "use a 5 V, 5 A supply (27 W)"))
    yield from problems
    if not problems:
        if low is None and slowed is None:
            yield not_here("power", "this board does not monitor its supply")
        else:
            yield ok("power", "the voltage is right, and the processor is not throttled")


def disk(context: CheckContext) -> Iterator[CheckResult]:
    """Whether results can be stored."""
    folder = context.config.state_directory
    for path in damaged_journals(folder):
        found = f"{path}: a damaged journal; what could be read of it was saved"
        yield warning("disk", found, "check the card; keep the file for a bug report, or delete it")
    for path in newer_journals(folder):
        found = f"{path}: the journal of a newer version; all that waited in it was copied"
        yield warning("disk", found, "delete it, unless you go back to that version")
    problem = _write_problem(folder)
    free = ram.disk_free_mb(folder)
    if problem is not None:
        advice = "make it writable for the appliance's user or set device.state_directory"
        if problem.errno == errno.ENOSPC:
            advice = "free some space; results cannot be stored"
        yield error("disk", f"{folder}: {problem.strerror}", advice)
    elif free is None:
        yield ok("disk", f"{folder} is writable")
    elif free < MINIMUM_DISK_MB:
        yield error("disk", f"{folder}: {free:.0f} MB free", "free some space")
    elif free < LOW_DISK_MB:
        yield warning("disk", f"{folder}: {free:.0f} MB free", "free some space")
    else:
        yield ok("disk", f"{folder} is writable; {free / 1000:.1f} GB free")


def _write_problem(folder: Path) -> OSError | None:
    """Reason why no file can be made in `folder`, or in the nearest existing folder above it."""
    context = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=context) as trial:
            trial.write(b"appliance check")
            trial.flush()
    except OSError as problem:
        return problem
    return None


def memory(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the models fit."""
    total, available = ram.total_mb(context.root), ram.available_mb(context.root)
    if total is None or available is None:
        yield not_here("memory", "the memory size is unknown")
        return
    names = context.config.models
    known = catalogue.models() | catalogue.hub_models()
    needed = APPLIANCE_MB + sum(known[name].memory_mb for name in names if name in known)
    least = "at least " if any(is_path(name) for name in names) else ""
    found = f"{least}{needed:.0f} MB needed, {available:.0f} of {total:.0f} MB available"
    if needed > total:
        yield error("memory", found, "choose smaller models: appliance models list")
    elif context.daemon is None and needed > available:
        yield warning("memory", found, "stop other programs or choose smaller models")
    else:
        yield ok("memory", found)
