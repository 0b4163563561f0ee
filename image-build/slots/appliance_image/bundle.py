"""An update file: a tar with a manifest, its signature, and the two partitions of a slot."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from appliance_image import signature
from appliance_image.errors import Refused
from appliance_image.slots import LAYOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCT = "appliance"
FORMAT = 1
PARTS = ("boot.img", "system.img")
SMALL = 64 * 1024
"""Bytes that manifest and signature may have: they are read whole."""
PIECE = 1 << 20


@dataclass(frozen=True)
class Part:
    """One partition's content."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an update is; signed."""

    version: str
    built: str
    """When, in UTC as ISO 8601 writes it: of two images of a version the later is the newer."""
    boards: tuple[str, ...]
    parts: dict[str, Part]
    layout: int = LAYOUT
    format: int = FORMAT
    product: str = PRODUCT

    @property
    def age(self) -> tuple[tuple[int, ...], str]:
        """Newer is greater."""
        return age_of(self.version, self.built)

    def encode(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True).encode() + b"\n"


def age_of(version: str, built: str) -> tuple[tuple[int, ...], str]:
    """Of a version and its time of building, for comparing."""
    return tuple(int(number) for number in re.findall(r"\d+", version)), built


class Update:
    """An update file that is read from its beginning to its end, once."""

    def __init__(self, source: IO[bytes], public_key: Path) -> None:
        """Read the manifest and check its signature; nothing behind it has been read.

        Raises:
            Refused: this is no update file, or not one of ours.

        """
        try:
            self._tar = tarfile.open(fileobj=source, mode="r|")  # noqa: SIM115, of `self.parts`
            content = self._small("manifest.json")
            seal = self._small("manifest.sig")
        except (tarfile.TarError, EOFError) as error:
            raise Refused(f"This is no update file: {error}") from error
        signature.verify(content, seal, public_key)
        self.manifest = _decode(content)

    def _small(self, name: str) -> bytes:
        member = self._tar.next()
        if member is None or member.name != name or not member.isfile() or member.size > SMALL:
            raise Refused(f"This is no update file: it does not go on with {name}.")
        file = self._tar.extractfile(member)
        content = file.read() if file else b""
        if len(content) != member.size:
            raise Refused("The update file is truncated: copy it again.")
        return content

    def parts(self) -> Iterator[tuple[str, Part, Iterator[bytes]]]:
        """Name, what the manifest promises, and the content in pieces; each read to its end.

        Raises:
            Refused: the file is truncated, or is not what the manifest says.

        """
        for name in PARTS:
            part = self.manifest.parts[name]
            yield name, part, self._pieces(name, part)

    def _pieces(self, name: str, part: Part) -> Iterator[bytes]:
        try:
            member = self._tar.next()
            if member is None or member.name != name or member.size != part.size:
                raise Refused(f"The update file is damaged: {name} is not in its place.")
            file = self._tar.extractfile(member)
            assert file is not None  # noqa: S101, a regular file or TarError
            digest, left = hashlib.sha256(), part.size
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise Refused("The update file is truncated: copy it again.")
                digest.update(piece)
                left -= len(piece)
                yield piece
        except (tarfile.TarError, EOFError, AssertionError) as error:
            raise Refused(f"The update file is damaged: {error}") from error
        if digest.hexdigest() != part.sha256:
            raise Refused(f"The update file is damaged: the checksum of {name} is another.")


def write(target: IO[bytes], manifest: Manifest, images: dict[str, Path], key: Path) -> None:
    """Make an update file.

    Raises:
        Failed: it cannot be signed.

    """
    content = manifest.encode()
    small = {"manifest.json": content, "manifest.sig": signature.sign(content, key)}
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, body in small.items():
            tar.addfile(_member(name, len(body)), io.BytesIO(body))
        for name in PARTS:
            with images[name].open("rb") as file:
                tar.addfile(_member(name, manifest.parts[name].size), file)


def part_of(path: Path) -> Part:
    """Size and checksum of a partition's image."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Part(path.stat().st_size, digest)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _decode(content: bytes) -> Manifest:
    try:
        told: dict[str, Any] = json.loads(content)
        if told["product"] != PRODUCT or told["format"] != FORMAT:
            raise Refused(
                f"This update is of a form that this version does not read "
                f"({told['product']} {told['format']}): update to a version between, or flash."
            )
        parts = {name: Part(**told["parts"][name]) for name in PARTS}
        return Manifest(
            version=str(told["version"]),
            built=str(told["built"]),
            boards=tuple(map(str, told["boards"])),
            parts=parts,
            layout=int(told["layout"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"The update's manifest lacks something: {error}") from error
