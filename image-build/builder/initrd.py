"""The initrd: one program of ours, busybox, and the modules that lead to the card."""

from __future__ import annotations

import lzma
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = (
    "bin",
    "dev",
    "proc",
    "sys",
    "run",
    "newroot",
    "hooks",
    "usr",
    "usr/lib",
    "usr/lib/modules",
)
DIRECTORY, PROGRAM, FILE = 0o040755, 0o100755, 0o100644


def content(init: Path, busybox: Path, modules: Path, wanted: list[str]) -> bytes:
    """The archive (cpio, newc), the same bytes for the same files."""
    inside = f"usr/lib/modules/{modules.name}"
    entries: dict[str, tuple[int, bytes]] = dict.fromkeys(FOLDERS, (DIRECTORY, b""))
    entries["init"] = (PROGRAM, init.read_bytes())
    entries["bin/busybox"] = (PROGRAM, busybox.read_bytes())
    entries[inside] = (DIRECTORY, b"")
    chosen = _with_needs(modules, wanted)
    for name in sorted(chosen):
        for folder in _parents(name):
            entries[f"{inside}/{folder}"] = (DIRECTORY, b"")
        raw = (modules / name).read_bytes()
        plain = name.removesuffix(".xz")
        entries[f"{inside}/{plain}"] = (FILE, lzma.decompress(raw) if name != plain else raw)
    for name, text in _indexes(modules, chosen).items():
        entries[f"{inside}/{name}"] = (FILE, text.encode())
    return archive(entries)


def _with_needs(modules: Path, wanted: list[str]) -> set[str]:
    """The modules that match, and all that they need, those of a softdep too."""
    needs = {
        name: rest.split()
        for name, rest in re.findall(
            r"^(\S+):(.*)$", (modules / "modules.dep").read_text(), re.MULTILINE
        )
    }
    named = {_plain(name): name for name in needs}
    soft = (
        (modules / "modules.softdep").read_text() if (modules / "modules.softdep").exists() else ""
    )
    for module, rest in re.findall(r"^softdep (\S+) (.*)$", soft, re.MULTILINE):
        if module in named:
            needs[named[module]] += [
                named[word] for word in map(_plain, rest.split()) if word in named
            ]
    waiting = [
        str(path.relative_to(modules))
        for word in wanted
        for found in modules.glob(f"kernel/{word}")
        for path in ([found] if found.is_file() else found.rglob("*.ko*"))
    ]
    chosen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in chosen:
            chosen.add(name)
            waiting += needs.get(name, [])
    return chosen


def _plain(name: str) -> str:
    return re.sub(r"\.ko.*$", "", name.rsplit("/", 1)[-1]).replace("-", "_")


def _indexes(modules: Path, chosen: set[str]) -> dict[str, str]:
    """What modprobe reads, for what is there; the modules are unpacked, so without .xz."""
    names = {_plain(name) for name in chosen}
    dep = (modules / "modules.dep").read_text().splitlines()
    alias = (modules / "modules.alias").read_text().splitlines()
    return {
        "modules.dep": "\n".join(line for line in dep if line.split(":")[0] in chosen).replace(
            ".ko.xz", ".ko"
        )
        + "\n",
        "modules.alias": "\n".join(line for line in alias if line.split()[-1] in names) + "\n",
        "modules.softdep": "",
        "modules.symbols": "",
        "modules.builtin": (modules / "modules.builtin").read_text(),
    }


def _parents(name: str) -> list[str]:
    words = name.split("/")[:-1]
    return ["/".join(words[: count + 1]) for count in range(len(words))]


def archive(entries: dict[str, tuple[int, bytes]]) -> bytes:
    """In the form newc, the same bytes for the same entries."""
    parts = [
        _entry(number + 1, name, *entries[name]) for number, name in enumerate(sorted(entries))
    ]
    return b"".join([*parts, _entry(0, "TRAILER!!!", 0, b"")])


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
