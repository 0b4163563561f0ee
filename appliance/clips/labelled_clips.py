"""The owner's examples: recordings with their meaning, as a manifest for evaluate and calibrate."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.clips.recent_recordings import wav_of
from appliance.errors import EditRefused
from appliance.evaluation import manifest
from appliance.evaluation.manifest import Clip, ExpectedCommand
from appliance.system import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from appliance.config import Config
    from appliance.values import Intent, Samples

FOLDER, MANIFEST = "clips", "manifest.jsonl"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.wav")


@dataclass(frozen=True, slots=True)
class ClipSpace:
    """How much of the allowed space is used."""

    clips: int
    bytes: int
    most_clips: int
    most_bytes: int


class LabelledClips:
    """The folder `clips` in the state directory. Its methods block; any process may use it."""

    def __init__(self, config: Config) -> None:
        self._folder = config.state_directory / FOLDER
        self._most = config.clips.maximum
        self._most_bytes = config.clips.maximum_mb * 1_000_000

    @property
    def manifest(self) -> Path:
        """The path of the manifest; it may not exist yet."""
        return self._folder / MANIFEST

    def clips(self) -> list[Clip]:
        """The examples, the oldest first.

        Raises:
            ManifestError: the manifest is damaged.

        """
        return manifest.read(self.manifest) if self.manifest.exists() else []

    def space(self) -> ClipSpace:
        """The space that is used, and that may be."""
        sizes = [one.stat().st_size for one in self._folder.glob("*.wav")]
        return ClipSpace(len(sizes), sum(sizes), self._most, self._most_bytes)

    def add(self, name: str, samples: Samples, meaning: Sequence[Intent], area: str = "") -> str:
        """Add an example, or label one again; the name of its file.

        Args:
            name: of the file, without its ending.
            samples: mono, 16 kHz.
            meaning: the commands in order; empty if it must be refused.
            area: the room of the speaker.

        Raises:
            EditRefused: there is no space for it, or it cannot have this name.
            ManifestError: the manifest is damaged.
            OSError: it cannot be written.

        """
        file = f"{name}.wav"
        if NAME.fullmatch(file) is None:
            raise EditRefused("an example's name has 1 to 64 letters, digits, - and _")
        recording = wav_of(samples)
        with self._alone():
            others = [one for one in self.clips() if one.audio != file]
            self._require_space(file, len(others), len(recording))
            self._write(self._folder / file, recording)
            self._write_manifest([*others, _labelled(file, meaning, area)])
        return file

    def remove(self, file: str) -> None:
        """Delete an example.

        Raises:
            EditRefused: there is none.

        """
        with self._alone():
            clips = self.clips()
            left = [one for one in clips if one.audio != file]
            if len(left) == len(clips):
                raise EditRefused(f"there is no example {file!r}")
            self._write_manifest(left)
            if NAME.fullmatch(file):
                atomic_file.remove(self._folder / file)

    def path_of(self, file: str) -> Path:
        """The recording of an example.

        Raises:
            EditRefused: there is none.

        """
        path = self._folder / file
        known = any(one.audio == file for one in self.clips())
        if not known or NAME.fullmatch(file) is None or path.is_symlink() or not path.is_file():
            raise EditRefused(f"there is no example {file!r}")
        return path

    def _require_space(self, file: str, others: int, size: int) -> None:
        if others >= self._most:
            raise EditRefused(
                f"there are {others} examples already, and clips.maximum allows {self._most}: "
                "remove some first"
            )
        sizes = (one.stat().st_size for one in self._folder.glob("*.wav") if one.name != file)
        if sum(sizes) + size > self._most_bytes:
            raise EditRefused(
                f"the examples would have more than {self._most_bytes // 1_000_000} MB "
                "(clips.maximum_mb): remove some first"
            )

    def _write_manifest(self, clips: Sequence[Clip]) -> None:
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in clips)
        self._write(self.manifest, lines)

    def _write(self, path: Path, content: bytes) -> None:
        atomic_file.replace(path, content)
        self._give(path)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time: the page and a command may come together."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._give(self._folder)
        file = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _give(self, path: Path) -> None:
        """Let what root has made belong to the appliance's user, like the state directory."""
        owner = self._folder.parent.stat()
        with contextlib.suppress(PermissionError):
            os.chown(path, owner.st_uid, owner.st_gid)


def _labelled(file: str, meaning: Sequence[Intent], area: str) -> Clip:
    if len(meaning) > 1:
        several = tuple(ExpectedCommand(intent=one.name, slots=dict(one.slots)) for one in meaning)
        return Clip(audio=file, intents=several, area=area)
    if meaning:
        return Clip(audio=file, intent=meaning[0].name, slots=dict(meaning[0].slots), area=area)
    return Clip(audio=file, intent=None, area=area)
