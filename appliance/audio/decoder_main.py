"""The decoder process: decodes one recording after the other, each within limits.

In:  {"path"} or {"size"} with so many bytes after the line; {"maximum_seconds"}, {"memory_bytes"},
     {"cpu_s"}.
Out: {"samples": n} with n float32 after the line, or {"error"}.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.child_process_setup import take_stdout, tie_to_parent

if TYPE_CHECKING:
    from appliance.values import Samples

IDLE_S = 300.0
"""Seconds without work after which the process ends, to free its memory."""

PAGE_BYTES = resource.getpagesize()


def main() -> int:
    """Serve until standard input ends, or nothing has come for a while."""
    tie_to_parent()
    out = os.fdopen(take_stdout(), "wb")
    requests = sys.stdin.buffer
    while select.select([requests], [], [], IDLE_S)[0] and (line := requests.readline()):
        job = json.loads(line)
        source = Path(job["path"]) if "path" in job else requests.read(job["size"])
        # After the work is read: on a busy board the libraries may take longer to load than the
        # parent waits for its bytes to be read. Before the limits, which count from here.
        from appliance.audio import decode  # noqa: F401, PLC0415

        answer, samples = _decoded(source, job)
        out.write(json.dumps(answer).encode() + b"\n")
        out.write(samples.tobytes() if samples is not None else b"")
        out.flush()
    return 0


def _decoded(source: Path | bytes, job: dict[str, Any]) -> tuple[dict[str, Any], Samples | None]:
    from appliance.audio.decode import decode  # noqa: PLC0415 (after the pipes are set up)
    from appliance.errors import AudioError  # noqa: PLC0415 (after the pipes are set up)

    try:
        with _limits(job["memory_bytes"], job["cpu_s"]):
            samples = decode(source, maximum_seconds=job["maximum_seconds"])
    except AudioError as error:
        return {"error": str(error)}, None
    except MemoryError:
        megabytes = job["memory_bytes"] // 1_000_000
        return {"error": f"the recording needs more than {megabytes} MB to be decoded"}, None
    return {"samples": len(samples)}, samples


@contextlib.contextmanager
def _limits(memory_bytes: int, cpu_s: float) -> Any:
    """Limit additional memory and processor time; beyond them the process ends."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        now = int(statm.read().split()[0]) * PAGE_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + memory_bytes, hard))
    signal.setitimer(signal.ITIMER_PROF, cpu_s)  # nothing handles SIGPROF, so it ends the process
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


if __name__ == "__main__":
    raise SystemExit(main())
