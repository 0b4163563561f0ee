"""Recordings of every kind, good and bad, with the real decoder."""

from __future__ import annotations

import io
import shutil
import socket
import struct
import subprocess
import sys
import tracemalloc
import wave
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from appliance.audio.decode import decode
from appliance.errors import AudioError
from appliance.values import SAMPLE_RATE, Samples

if TYPE_CHECKING:
    from pathlib import Path


def tone(seconds: float, rate: int = SAMPLE_RATE) -> Samples:
    """440 Hz at half loudness."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def wav(
    seconds: float = 1.0, *, rate: int = SAMPLE_RATE, channels: int = 1, width: int = 2
) -> bytes:
    mono = tone(seconds, rate)
    whole = (mono * 127 + 128).astype("u1") if width == 1 else (mono * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", ""))
        writer.writeframes(np.repeat(whole, channels).tobytes())
    return file.getvalue()


def with_size(recording: bytes, size: int) -> bytes:
    changed = bytearray(recording)
    struct.pack_into("<I", changed, 40, size)
    return bytes(changed)


def encoded(container: str, codec: str, seconds: float = 2.0, rate: int = 48_000) -> bytes:
    file = io.BytesIO()
    with av.open(file, mode="w", format=container) as writer:
        stream = writer.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(tone(seconds, rate)[None, :], "flt", "mono")
        frame.rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or 4096)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            writer.mux(stream.encode(piece))
        writer.mux(stream.encode(None))
    return file.getvalue()


def matches(samples: Samples, seconds: float) -> None:
    """Fail unless this is the whole tone, at its level."""
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / SAMPLE_RATE == pytest.approx(seconds, abs=0.06)
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * SAMPLE_RATE / len(middle) == pytest.approx(440, abs=3)
    assert np.std(middle) == pytest.approx(0.5 / np.sqrt(2), abs=0.02)


def refusal(source: bytes | Path, seconds: float = 120.0) -> str:
    with pytest.raises(AudioError) as caught:
        decode(source, maximum_seconds=seconds)
    return str(caught.value)


@pytest.mark.parametrize(
    "recording",
    [
        wav(),
        wav(width=1),
        wav(channels=2),
        wav(channels=6),
        wav(rate=44_100),
        wav(rate=44_100, channels=2),
        wav(rate=8_000, width=1),
        wav(rate=48_000),
    ],
    ids=["plain", "8-bit", "stereo", "5.1", "44.1 kHz", "44.1 kHz stereo", "telephone", "48 kHz"],
)
def test_wav_of_any_rate_width_and_channel_count_is_decoded(recording: bytes) -> None:
    matches(decode(recording, maximum_seconds=120), 1.0)


@pytest.mark.parametrize(
    ("container", "codec"),
    [("flac", "flac"), ("ogg", "libopus"), ("mp3", "libmp3lame"), ("ipod", "aac")],
)
def test_the_formats_of_phones_and_recorders_are_decoded(container: str, codec: str) -> None:
    matches(decode(encoded(container, codec), maximum_seconds=120), 2.0)


def test_a_title_in_an_old_character_set_is_no_fault_of_the_sound() -> None:
    title = b"TIT2" + struct.pack(">IHB", 5, 0, 3) + b"caf\xe9"  # an ID3 tag that says UTF-8
    tag = b"ID3\x03\x00\x00" + bytes([0, 0, 0, len(title)]) + title
    matches(decode(tag + encoded("mp3", "libmp3lame"), maximum_seconds=120), 2.0)


def test_a_codec_that_nobody_knows_is_refused() -> None:
    recording = bytearray(wav())
    struct.pack_into("<H", recording, 20, 0x7777)
    assert "coded in a way that is not known" in refusal(bytes(recording))


def test_a_file_on_disk_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav())

    matches(decode(path, maximum_seconds=120), 1.0)


def test_loud_stereo_does_not_exceed_full_scale() -> None:
    loud = io.BytesIO()
    with wave.open(loud, "wb") as writer:
        writer.setparams((2, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(np.full(32_000, 32767, "<i2").tobytes())

    assert np.abs(decode(loud.getvalue(), maximum_seconds=120)).max() <= 1.0


def several(*loudness: float) -> bytes:
    """The tone in several channels, each as loud as given; negative: in opposite phase."""
    channels = np.outer(tone(1.0), loudness) * 32767
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((len(loudness), 2, SAMPLE_RATE, 0, "NONE", ""))
        writer.writeframes(channels.astype("<i2").tobytes())
    return file.getvalue()


@pytest.mark.parametrize(
    "loudness", [(1, -1), (-1, 1), (1, -0.7), (1, 0), (0, 1), (1, 1), (0, 0, 1, 0, 0, 0)]
)
def test_channels_that_cancel_each_other_or_are_silent_do_not_make_it_faint(
    loudness: tuple[float, ...],
) -> None:
    matches(decode(several(*loudness), maximum_seconds=120), 1.0)


def test_a_recording_of_too_many_channels_is_refused() -> None:
    assert "9 channels; at most 8" in refusal(several(*[1.0] * 9))


def test_a_recording_whose_channels_change_in_the_middle_is_refused() -> None:
    mono, stereo = (encoded_with(layout) for layout in ("mono", "stereo"))
    assert "change in the middle" in refusal(mono + stereo)


def encoded_with(layout: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, mode="w", format="adts") as writer:
        stream = writer.add_stream("aac", rate=16_000, layout=layout)
        assert isinstance(stream, av.AudioStream)
        planes = np.zeros((1 if layout == "mono" else 2, 1024), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(planes, "fltp", layout)
        frame.rate = 16_000
        for _ in range(10):
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    return file.getvalue()


def test_invalid_floats_in_a_recording_are_replaced() -> None:
    data = np.array([np.nan, np.inf, -np.inf, 7.0, 0.25] * 3200, "<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, 16_000, 64_000, 4, 32)
    head = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data))
    samples = decode(b"RIFF" + struct.pack("<I", 0) + head + data, maximum_seconds=120)

    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0


def test_a_silent_recording_is_decoded() -> None:
    samples = decode(with_size(bytes(wav()[:44]) + bytes(32_000), 32_000), maximum_seconds=120)

    assert len(samples) == SAMPLE_RATE
    assert not samples.any()


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"") == "the recording is empty"


def test_a_header_without_sound_is_refused() -> None:
    assert refusal(wav(0.0)) == "the recording contains no sound"


@pytest.mark.parametrize(
    "junk",
    [b"turn on the light, please. " * 100, np.random.default_rng(1).bytes(50_000), b"RIFF"],
    ids=["text", "random", "four bytes"],
)
def test_a_file_that_is_not_a_recording_is_refused(junk: bytes) -> None:
    assert refusal(junk).startswith("the recording is not a recording, or it is damaged")


def test_a_truncated_wav_is_refused_with_both_lengths() -> None:
    assert "truncated: it ends after 1.2 of the 3.0 s" in refusal(wav(3.0)[: 44 + 38_400])


def test_a_truncated_flac_is_refused() -> None:
    recording = encoded("flac", "flac", 5.0)

    message = refusal(recording[: len(recording) // 2])
    assert "truncated" in message or "damaged" in message


# 0x7FFF_F000: espeak-ng; 0x8000_0000: arecord; 0xFFFF_FFFF: FFmpeg; the others: their neighbours.
STREAMED = [0, 0x7FFF_0000, 0x7FFF_F000, 0x7FFF_FFDB, 0x7FFF_FFFE, 0x7FFF_FFFF]
STREAMED += [0x8000_0000, 0x8000_0024, 0xFFFF_0000, 0xFFFF_FFDB, 0xFFFF_FFF0, 0xFFFF_FFFF]


@pytest.mark.parametrize("size", STREAMED)
@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_a_wav_from_a_pipe_is_decoded_whatever_its_header_has_for_a_length(
    size: int, rate: int
) -> None:
    matches(decode(with_size(wav(rate=rate), size), maximum_seconds=120), 1.0)


@pytest.mark.parametrize("size", [100_000, 2_000_000_000, 0x7FEF_FFFF])
def test_a_header_that_claims_more_than_there_is_is_refused_without_reserving_memory(
    size: int,
) -> None:
    recording = with_size(wav(3.0), size)
    tracemalloc.start()
    message = refusal(recording)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "truncated: it ends after 3.0 of the" in message
    assert peak < 1_000_000


@pytest.mark.parametrize("command", [["espeak-ng", "--stdout", "turn on the lamp"]])
def test_what_a_program_writes_into_a_pipe_is_decoded(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    recording = subprocess.run(command, capture_output=True, check=True).stdout
    assert len(decode(recording, maximum_seconds=120)) > SAMPLE_RATE // 2


def test_a_recording_of_an_hour_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    with path.open("wb") as file:
        file.write(with_size(wav(0.0), 3600 * 32_000))
        file.truncate(44 + 3600 * 32_000)  # a sparse file: no byte of it is on the disk

    assert refusal(path) == f"{path} is longer than 120 s (3600 s); send a shorter one"


def test_a_recording_of_an_hour_without_a_length_is_refused_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    with path.open("wb") as file:
        file.write(with_size(wav(0.0), 0xFFFF_FFFF))
        file.truncate(44 + 3600 * 32_000)
    tracemalloc.start()
    message = refusal(path, seconds=20.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "longer than 20 s" in message
    assert peak < 3 * 20 * SAMPLE_RATE * 4


@pytest.mark.parametrize("rate", [1.0, 100.0, 3_999.0, 1_000_000.0])
def test_a_rate_that_no_recorder_has_is_refused_before_a_frame_is_resampled(rate: float) -> None:
    recording = encoded("matroska", "pcm_s16le", 0.2)
    field = b"\xb5\x88" + struct.pack(">d", 48_000.0)  # SamplingFrequency
    assert field in recording
    changed = recording.replace(field, b"\xb5\x88" + struct.pack(">d", rate))
    tracemalloc.start()
    message = refusal(changed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert f"has {rate:.0f} samples a second; from 4000 to 384000 are allowed" in message
    assert peak < 1_000_000


def test_without_pyav_a_recording_is_refused_with_the_reason_and_the_rest_can_be_imported() -> None:
    program = """
import sys
sys.modules["av"] = None
import appliance.daemon.wiring
from appliance.audio.decode import decode
decode(b"RIFF", maximum_seconds=1.0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "AudioError: the recording cannot be decoded, because PyAV is not" in done.stderr


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    assert refusal(path).startswith(f"{path} cannot be read: No such file")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).endswith("is not a file")


def test_a_video_without_sound_is_refused() -> None:
    file = io.BytesIO()
    with av.open(file, mode="w", format="matroska") as writer:
        stream = writer.add_stream("mpeg4", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))

    assert refusal(file.getvalue()) == "the recording has no audio stream, only others"


@pytest.mark.parametrize("playlist", ["m3u8", "concat"])
def test_a_playlist_is_refused_and_opens_no_connection(playlist: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        text = {
            "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n",
            "concat": f"ffconcat version 1.0\nfile '{address}'\n",
        }[playlist]

        assert "is not a recording" in refusal(text.encode())
        with pytest.raises(TimeoutError):
            server.accept()
