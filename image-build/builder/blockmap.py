"""A block map (bmap 2.0): which blocks of an image hold anything, with their checksums."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 4096
PIECE = 1 << 20


def of(image: Path) -> str:
    """The map of a sparse file, as bmaptool reads it."""
    size = image.stat().st_size
    ranges = list(_filled(image, size))
    mapped = sum(last - first + 1 for first, last in ranges)
    rows = [
        f'    <Range chksum="{_checksum(image, first, last)}">{_named(first, last)}</Range>'
        for first, last in ranges
    ]
    text = "\n".join(
        [
            '<?xml version="1.0" ?>',
            '<bmap version="2.0">',
            f"  <ImageSize>{size}</ImageSize>",
            f"  <BlockSize>{BLOCK}</BlockSize>",
            f"  <BlocksCount>{-(-size // BLOCK)}</BlocksCount>",
            f"  <MappedBlocksCount>{mapped}</MappedBlocksCount>",
            "  <ChecksumType>sha256</ChecksumType>",
            f"  <BmapFileChecksum>{'0' * 64}</BmapFileChecksum>",
            "  <BlockMap>",
            *rows,
            "  </BlockMap>",
            "</bmap>",
            "",
        ]
    )
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1)


def _filled(image: Path, size: int) -> list[tuple[int, int]]:
    """First and last block of each stretch that is no hole."""
    found: list[tuple[int, int]] = []
    with image.open("rb") as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:  # no data behind it
                return found
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            first, last = start // BLOCK, (min(end, size) - 1) // BLOCK
            if found and first <= found[-1][1] + 1:
                found[-1] = (found[-1][0], last)
            else:
                found.append((first, last))


def _named(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _checksum(image: Path, first: int, last: int) -> str:
    digest = hashlib.sha256()
    left = (last - first + 1) * BLOCK
    with image.open("rb") as file:
        file.seek(first * BLOCK)
        while left > 0 and (piece := file.read(min(PIECE, left))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()
