"""The length that a WAV header gives."""

from __future__ import annotations

import io
import struct

import pytest

from appliance.audio.wav_truncation import Lengths, lengths

RATE = 16_000


def wav(data: int, there: int, *, code: int = 1, before: bytes = b"") -> io.BytesIO:
    form = struct.pack("<HHIIHH", code, 1, RATE, 2 * RATE, 2, 16)
    head = b"WAVE" + b"fmt " + struct.pack("<I", 16) + form + before
    head += b"data" + struct.pack("<I", data)
    return io.BytesIO(b"RIFF" + struct.pack("<I", 4 + len(head)) + head + bytes(there))


def test_a_complete_recording_is_as_long_as_its_header_says() -> None:
    assert lengths(wav(64_000, 64_000)) == Lengths(promised_s=2.0, there_s=2.0)


def test_a_truncated_recording_is_shorter_than_its_header_says() -> None:
    assert lengths(wav(64_000, 16_000)) == Lengths(promised_s=2.0, there_s=0.5)


def test_bytes_after_the_sound_do_not_count() -> None:
    assert lengths(wav(64_000, 90_000)) == Lengths(promised_s=2.0, there_s=2.0)


def test_other_chunks_are_skipped_even_if_their_size_is_odd() -> None:
    note = b"LIST" + struct.pack("<I", 3) + b"abc\0"

    assert lengths(wav(64_000, 64_000, before=note)) == Lengths(promised_s=2.0, there_s=2.0)


PLACEHOLDERS = [
    *(0, 0x7FFF_0000, 0x7FFF_F000, 0x7FFF_FFDB, 0x7FFF_FFFF, 0x8000_0000),
    *(0x8000_0024, 0xFFFF_0000, 0xFFFF_FFDB, 0xFFFF_FFF0, 0xFFFF_FFFF),
]


@pytest.mark.parametrize("size", PLACEHOLDERS)
def test_a_size_written_into_a_pipe_promises_no_length(size: int) -> None:
    assert lengths(wav(size, 64_000)) == Lengths(promised_s=None, there_s=2.0)


@pytest.mark.parametrize("size", PLACEHOLDERS)
def test_compressed_sound_from_a_pipe_promises_no_length_either(size: int) -> None:
    header = lengths(wav(size, 64_000, code=0x11))
    assert header is not None
    assert header.promised_s is None


def test_compressed_sound_gives_no_length() -> None:
    assert lengths(wav(64_000, 64_000, code=0x11)) is None


@pytest.mark.parametrize("length", [0, 3, 11, 12, 19, 21, 30, 40])
def test_a_truncated_header_gives_no_length(length: int) -> None:
    assert lengths(io.BytesIO(wav(64_000, 0).getvalue()[:length])) is None


def test_the_file_is_left_at_its_beginning() -> None:
    file = wav(64_000, 64_000)
    lengths(file)

    assert file.tell() == 0
