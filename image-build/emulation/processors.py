"""Programs of the image under qemu-user, as the processor of either board."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from emulation.questions import expect

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = """
root=$1 && shift && mount -t proc proc "$root/proc" &&
  exec env -i QEMU_CPU="$0" PATH=/usr/sbin:/usr/bin chroot "$root" "$@"
"""

LOOK = """
from appliance.engines import llama_library
model = llama_library.Weights("/opt/appliance/models/smollm2-135m-instruct/{file}")
for line in open("/proc/self/maps"):
    if "libggml-cpu-" in line:
        print(line.rsplit("/", 1)[1].strip())
        break
"""


def right_variant_is_opened(root: Path, cpu: str, variant: str) -> str:
    """The library that llama.cpp took on that processor, with a model really opened."""
    model = next((root / "opt/appliance/models/smollm2-135m-instruct").glob("*.gguf"))
    program = ("/opt/appliance/.venv/bin/python", "-c", LOOK.replace("{file}", model.name))
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, cpu, root, *program],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    opened = done.stdout.split()
    expect(opened == [f"libggml-cpu-{variant}.so"], f"{opened} {done.stderr[-1000:]}")
    return opened[0]
