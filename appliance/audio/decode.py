"""Decodes recordings within limits of rate, channels and length: the only file that imports av."""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from appliance.audio.wav_truncation import lengths
from appliance.errors import AudioError
from appliance.values import SAMPLE_RATE

try:
    import av
except ImportError:  # optional, because of the licences of its codecs: THIRD-PARTY-NOTICES.md
    av = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from appliance.values import Samples

FORMATS = "wav,w64,flac,ogg,mp3,mov,mp4,m4a,3gp,matroska,webm,aac,aiff,au,caf,amr,wv,asf,ac3,tta"
"""Containers that recorders, phones and browsers write. An allow list, because FFmpeg also reads
playlists, and a playlist names further files and addresses to open."""

EXACT_LENGTH_FORMATS = ("wav", "w64", "flac", "aiff", "au", "caf", "mov")
"""Containers that store their exact length; for others FFmpeg guesses."""

MISSING_S = 0.1
"""Seconds that may be missing at the end of a recording that is not truncated."""


LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
"""Hertz. A recording at 1 Hz would become 16,000 times as long when it is resampled."""

MOST_CHANNELS = 8
"""Maximum number of channels; all are kept in memory until the end of a recording."""

LEAST_OF_LOUDEST = 0.3
"""Ratio of the average's energy to the loudest channel's, below which the channels cancel each
other or only one has sound. It is 0.25 for one of two channels with sound, at least 0.5 for two
that differ, and 1 for two that are equal."""


def decode(source: Path | bytes, *, maximum_seconds: float) -> Samples:
    """The first audio stream of a recording: mono, 16 kHz, the average of its channels.

    It decodes in this process, which a damaged recording may crash; other code uses
    `decoder_process`.

    If the average is much fainter than the loudest channel, because channels are in opposite phase
    or silent, the loudest channel is used.

    Memory is in proportion to `maximum_seconds`, whatever the header claims.

    Raises:
        AudioError: it is absent, empty, damaged, truncated, too long, or not a recording.

    """
    name = str(source) if isinstance(source, Path) else "the recording"
    if av is None:
        message = f"{name} cannot be decoded, because PyAV is not installed"
        raise AudioError(f"{message}; run: python -m pip install av")
    try:
        with _open(source, name) as file:
            return _decode(file, name, maximum_seconds)
    except OSError as error:
        raise AudioError(f"{name} cannot be read: {error.strerror or error}") from error


@contextmanager
def _open(source: Path | bytes, name: str) -> Iterator[BinaryIO]:
    # FFmpeg gets an open file and never a name, because a name may be an address.
    if isinstance(source, Path) and not stat.S_ISREG(source.stat().st_mode):
        raise AudioError(f"{name} is not a file")
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size == 0:
            raise AudioError(f"{name} is empty")
        yield file


def _decode(file: BinaryIO, name: str, maximum_seconds: float) -> Samples:
    header = lengths(file)
    if header is not None and header.promised_s is not None:
        _check_length(header.there_s, header.promised_s, name)
    try:
        with av.open(
            file,
            mode="r",
            options={"format_whitelist": FORMATS},
            metadata_errors="replace",  # titles in an old character set do not matter
        ) as container:
            if not container.streams.audio:
                raise AudioError(f"{name} has no audio stream, only others")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise AudioError(f"{name} is coded in a way that is not known; send WAV or FLAC")
            # FFmpeg takes the placeholder in a WAV header from a pipe for a length.
            promised_s = header.promised_s if header else _promised_seconds(container, stream)
            if promised_s is not None and promised_s > maximum_seconds:
                raise _too_long(name, maximum_seconds, promised_s)
            samples = _read(container, stream, name, maximum_seconds)
    except av.error.FFmpegError as error:
        message = f"{name} is not a recording, or it is damaged ({error.strerror})"
        raise AudioError(f"{message}; send WAV, FLAC or another common format") from error
    if len(samples) == 0:
        raise AudioError(f"{name} contains no sound")
    if promised_s is not None:
        _check_length(len(samples) / SAMPLE_RATE, promised_s, name)
    return samples


def _promised_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    exact = set(container.format.name.split(",")) & set(EXACT_LENGTH_FORMATS)
    if not exact or stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def _read(
    container: InputContainer, stream: AudioStream, name: str, maximum_seconds: float
) -> Samples:
    _check_form(stream.rate, stream.channels, name)
    # Channels are mixed below and not by FFmpeg, whose mix can exceed 1.0.
    resampler = av.AudioResampler(format="fltp", rate=SAMPLE_RATE)
    parts: list[Samples] = []
    count = 0
    heard_s = 0.0
    for frame in _frames(container, stream):
        if frame is not None:
            # Checked before resampling, because a frame may differ from the header.
            _check_form(frame.sample_rate, frame.layout.nb_channels, name)
            heard_s += frame.samples / frame.sample_rate
            if heard_s > maximum_seconds + MISSING_S:
                raise _too_long(name, maximum_seconds, None)
        try:
            resampled = resampler.resample(frame)
        except ValueError as error:
            raise _changed_form(name) from error
        for part in resampled:
            parts.append(_channels(part))
            count += parts[-1].shape[1]
        if count > maximum_seconds * SAMPLE_RATE:
            raise _too_long(name, maximum_seconds, None)
    if len({len(part) for part in parts}) > 1:
        raise _changed_form(name)
    return _mono(np.concatenate(parts, axis=1)) if parts else np.zeros(0, dtype=np.float32)


def _changed_form(name: str) -> AudioError:
    message = f"{name} cannot be decoded: its channels or sample format change in the middle"
    return AudioError(message)


def _check_form(rate: int, channels: int, name: str) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(
            f"{name} has {rate} samples a second; from {LOWEST_RATE} to {HIGHEST_RATE} are allowed"
        )
    if channels > MOST_CHANNELS:
        message = f"{name} has {channels} channels; at most {MOST_CHANNELS} are allowed"
        raise AudioError(message)


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]:
    yield from container.decode(stream)
    yield None  # flushes the resampler


def _channels(frame: AudioFrame) -> Samples:
    """All channels of a frame, of shape (channels, samples)."""
    samples: Samples = frame.to_ndarray().astype(np.float32, copy=False)
    # A recording of floats may contain anything, NaN too.
    np.nan_to_num(samples, copy=False)
    return samples.clip(-1.0, 1.0)


def _mono(channels: Samples) -> Samples:
    mixed: Samples = channels.mean(axis=0, dtype=np.float32)
    energies = [float(np.dot(channel, channel)) for channel in channels]
    if np.dot(mixed, mixed) >= LEAST_OF_LOUDEST * max(energies):
        return mixed
    loudest: Samples = channels[int(np.argmax(energies))].copy()
    return loudest


def _check_length(there_s: float, promised_s: float, name: str) -> None:
    if there_s < promised_s - MISSING_S:
        raise AudioError(
            f"{name} is truncated: it ends after {there_s:.1f} of the {promised_s:.1f} s in its "
            f"header; send the whole recording"
        )


def _too_long(name: str, maximum_seconds: float, actual_s: float | None) -> AudioError:
    actual = "" if actual_s is None else f" ({actual_s:.0f} s)"
    return AudioError(f"{name} is longer than {maximum_seconds:g} s{actual}; send a shorter one")
