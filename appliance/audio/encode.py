"""Writes sound as a file, in memory: WAV, raw samples, or compressed by PyAV."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from appliance.values import Spoken

FORMATS = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""The media type of each format."""

CODECS = {
    "mp3": ("mp3", "libmp3lame", 44_100),
    "opus": ("ogg", "libopus", 48_000),
    "aac": ("adts", "aac", 44_100),
    "flac": ("flac", "flac", 0),
}
"""FFmpeg's container, its codec, and a rate that the codec supports; 0: any."""

PCM_RATE = 24_000
"""Rate of `pcm`, which has no header: OpenAI's."""


def encoded(spoken: Spoken, kind: str) -> bytes:
    """The sound in one of FORMATS."""
    if kind == "wav":
        return _wav(spoken)
    return (
        _compressed(spoken, *CODECS[kind])
        if kind in CODECS
        else _compressed(spoken, "s16le", "pcm_s16le", PCM_RATE)
    )


def _pcm(spoken: Spoken) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    clipped = np.clip(spoken.samples, -1.0, 1.0)
    return np.round(clipped * 32767).astype(np.int16)


def _wav(spoken: Spoken) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(spoken.rate)
        written.writeframes(_pcm(spoken).tobytes())
    return file.getvalue()


def _compressed(spoken: Spoken, container: str, codec: str, rate: int) -> bytes:
    import av  # noqa: PLC0415  (12 MB of memory, only if needed)

    file = io.BytesIO()
    frame = av.AudioFrame.from_ndarray(_pcm(spoken)[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = spoken.rate
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate or spoken.rate, layout="mono")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()
