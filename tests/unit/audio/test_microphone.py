"""The microphone of the sound card, with a fake PortAudio."""

from __future__ import annotations

import itertools
import time
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from appliance.audio import microphone
from appliance.audio import portaudio as devices
from appliance.audio.microphone import QUEUED_BLOCKS, SoundCardMicrophone
from appliance.errors import MicrophoneError
from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE, MicrophoneState, Samples

if TYPE_CHECKING:
    from collections.abc import Callable


class FakePortAudioError(Exception):
    """PortAudio's error for a format that the device does not support."""


class FakeStatus:
    """PortAudio's flags of one block."""

    def __init__(self, *, input_overflow: bool = False) -> None:
        self.input_overflow = input_overflow


class FakeStream:
    """A stream whose blocks the test brings."""

    def __init__(self, callback: Callable[..., None], samplerate: int, channels: int) -> None:
        self.callback = callback
        self.samplerate = float(samplerate)
        self.channels = channels
        self.closed = False

    def start(self) -> None:
        """Start; blocks come only from `bring`."""

    def abort(self, *, ignore_errors: bool) -> None:
        """Stop; there is no thread."""

    def close(self, *, ignore_errors: bool) -> None:
        self.closed = True

    def bring(self, samples: Samples, *, overflow: bool = False) -> None:
        """Bring a block whose first channel is `samples`; the others are loud nonsense."""
        block = np.full((len(samples), self.channels), 0.9, dtype=np.float32)
        block[:, 0] = samples
        self.callback(block, len(block), None, FakeStatus(input_overflow=overflow))


class FakePortAudio:
    """Devices as (name, channels, rate); opens the formats that `supports` allows."""

    PortAudioError = FakePortAudioError

    def __init__(self, *devices: tuple[str, int, float]) -> None:
        self.devices = list(devices)
        self.default = types.SimpleNamespace(device=(0, 0))
        self.supports: Callable[[int, int], bool] = lambda _rate, _channels: True
        self.streams: list[FakeStream] = []
        self.opened: list[int] = []
        self._initialized = 1
        self.initialisations = 0

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {"index": i, "name": name, "max_input_channels": n, "default_samplerate": rate}
            for i, (name, n, rate) in enumerate(self.devices)
        ]

    def InputStream(self, **wanted: Any) -> FakeStream:  # noqa: N802 (sounddevice's name)
        if not self.supports(wanted["samplerate"], wanted["channels"]):
            raise FakePortAudioError("Invalid sample rate")
        self.opened.append(wanted["device"])
        self.streams.append(
            FakeStream(wanted["callback"], wanted["samplerate"], wanted["channels"])
        )
        return self.streams[-1]

    def _terminate(self) -> None:
        self._initialized -= 1

    def _initialize(self) -> None:
        self._initialized += 1
        self.initialisations += 1


class FakeTimeModule:
    """Monotonic time that passes only if the test changes it, or in `sleep`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTimeModule:
    clock = FakeTimeModule()
    monkeypatch.setattr(microphone, "time", clock)
    return clock


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    library = FakePortAudio(
        ("built-in", 2, 48_000.0), ("USB mic", 1, 44_100.0), ("speaker", 0, 48e3)
    )
    monkeypatch.setattr(devices, "library", lambda: library)
    return library


def noise(samples: int = FRAME_SAMPLES) -> Samples:
    return np.linspace(-0.5, 0.5, samples, dtype=np.float32)


def opened(device: str = "") -> SoundCardMicrophone:
    card = SoundCardMicrophone(device)
    card.open()
    return card


def heard(library: FakePortAudio, device: str = "") -> SoundCardMicrophone:
    """A microphone that has brought a block already."""
    card = opened(device)
    library.streams[-1].bring(noise())
    assert card.read(0.0) is not None
    return card


def state(card: SoundCardMicrophone) -> MicrophoneState:
    """The state now; a call, because a type checker takes attributes for constant."""
    return card.state


def test_the_blocks_of_the_device_are_read_as_frames(portaudio: FakePortAudio) -> None:
    card = opened()
    portaudio.streams[0].bring(noise())

    frame = card.read(0.0)
    assert frame is not None
    assert np.array_equal(frame, noise())
    assert card.read(0.0) is None


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_of_a_device_with_another_rate_and_more_channels_the_first_is_resampled(
    portaudio: FakePortAudio, rate: int
) -> None:
    portaudio.devices[0] = ("array", 6, float(rate))
    portaudio.supports = lambda wanted, channels: (wanted, channels) == (rate, 6)
    card = opened()
    time_axis = np.arange(rate, dtype=np.float64) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * time_axis)).astype(np.float32)
    for part in np.array_split(tone, 32):
        portaudio.streams[0].bring(part)

    frames = []
    while (frame := card.read(0.0)) is not None:
        assert len(frame) == FRAME_SAMPLES
        frames.append(frame)
    heard = np.concatenate(frames)
    assert len(heard) == pytest.approx(SAMPLE_RATE, abs=2000)
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.02)
    crossings = np.count_nonzero(np.diff(np.signbit(heard[2000:10_000])))
    assert crossings == pytest.approx(440, abs=2)


def test_the_capture_time_is_that_of_the_callback(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    portaudio.streams[0].bring(noise())
    clock.now += 1.0  # the reader is late
    card.read(0.0)

    assert card.captured_at == 1000.0


def test_a_microphone_is_chosen_by_part_of_its_name_or_by_its_number(
    portaudio: FakePortAudio,
) -> None:
    opened("usb")
    opened("1")
    opened("")

    assert portaudio.opened == [1, 1, 0]


def test_a_full_name_wins_over_a_part_of_another(portaudio: FakePortAudio) -> None:
    portaudio.devices = [("mic array", 2, 48e3), ("mic", 1, 48e3)]
    opened("mic")

    assert portaudio.opened == [1]


@pytest.mark.parametrize("wanted", ["garden", "7", "2", "speaker"])
def test_an_unknown_microphone_is_an_error_that_lists_the_available_ones(
    portaudio: FakePortAudio, wanted: str
) -> None:
    with pytest.raises(MicrophoneError, match=r"no microphone matches .*0 'built-in', 1 'USB mic'"):
        opened(wanted)


def test_a_name_that_matches_several_microphones_is_an_error(portaudio: FakePortAudio) -> None:
    portaudio.devices = [("USB one", 1, 48e3), ("USB two", 1, 48e3)]
    with pytest.raises(MicrophoneError, match="several microphones match"):
        opened("usb")


def test_a_system_without_a_microphone_is_an_error(portaudio: FakePortAudio) -> None:
    portaudio.devices = [("speaker", 0, 48e3)]
    with pytest.raises(MicrophoneError, match="there is no microphone; plug one in"):
        opened()


def test_a_microphone_that_does_not_open_is_an_error_that_names_the_likely_cause(
    portaudio: FakePortAudio,
) -> None:
    portaudio.supports = lambda _rate, _channels: False
    with pytest.raises(MicrophoneError, match=r"built-in cannot be opened.*another program"):
        opened()


def test_without_portaudio_the_error_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(devices, "importlib", types.SimpleNamespace(import_module=absent))
    with pytest.raises(MicrophoneError, match="sudo apt install libportaudio2"):
        opened()


def test_blocks_that_nobody_reads_are_dropped_and_counted_as_overruns(
    portaudio: FakePortAudio,
) -> None:
    card = opened()
    for _ in range(QUEUED_BLOCKS + 7):
        portaudio.streams[0].bring(noise())

    assert card.overruns == 7


def test_blocks_that_the_device_lost_are_counted_as_overruns(portaudio: FakePortAudio) -> None:
    card = opened()
    portaudio.streams[0].bring(noise(), overflow=True)

    assert card.overruns == 1


def bring_channels(library: FakePortAudio, *channels: Samples) -> None:
    """Bring a block of several channels."""
    block = np.stack(channels, axis=1)
    library.streams[-1].callback(block, len(block), None, FakeStatus())


def test_the_configured_channel_is_read_and_the_device_opened_with_as_many(
    portaudio: FakePortAudio,
) -> None:
    card = SoundCardMicrophone("built-in", channel=2)
    card.open()
    bring_channels(portaudio, noise()[::-1], noise())
    frame = card.read(0.0)
    assert portaudio.streams[-1].channels == 2
    assert frame is not None
    assert np.array_equal(frame, noise())


def test_of_a_stereo_device_whose_first_channel_has_no_sound_the_second_is_used(
    clock: FakeTimeModule, portaudio: FakePortAudio, caplog: pytest.LogCaptureFixture
) -> None:
    portaudio.supports = lambda _rate, channels: channels == 2
    card = opened()
    still = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(60):
        clock.now += 0.032
        bring_channels(portaudio, still, noise())
        frame = card.read(0.0)
    assert frame is not None
    assert np.array_equal(frame, noise())
    assert card.state is MicrophoneState.OK
    assert "microphone.channel" in caplog.text


@pytest.mark.parametrize(("channel", "channels"), [(1, 2), (0, 6)])
def test_no_other_channel_is_used_if_one_is_configured_or_the_device_is_an_array(
    clock: FakeTimeModule, portaudio: FakePortAudio, channel: int, channels: int
) -> None:
    portaudio.devices[0] = ("array", channels, 16_000.0)
    portaudio.supports = lambda _rate, count: count == channels
    card = SoundCardMicrophone("array", channel)
    card.open()
    still = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(60):
        clock.now += 0.032
        bring_channels(portaudio, still, *[noise()] * (channels - 1))
        card.read(0.0)
    assert card.state is MicrophoneState.SILENT


def test_a_channel_that_the_device_does_not_have_is_an_error(portaudio: FakePortAudio) -> None:
    with pytest.raises(MicrophoneError, match=r"microphone.channel is 3, but built-in has 2"):
        SoundCardMicrophone("built-in", channel=3).open()


def test_constant_samples_make_the_microphone_silent_and_changing_ones_ok(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    states = []
    for block in [np.full(FRAME_SAMPLES, 0.25, np.float32)] * 70 + [noise()]:
        clock.now += 0.032
        portaudio.streams[0].bring(block)
        card.read(0.0)
        states.append(card.state)

    assert states[45] is MicrophoneState.OK
    assert states[49] is MicrophoneState.SILENT
    assert states[70] is MicrophoneState.OK


def test_a_device_that_brings_no_more_blocks_is_lost_within_two_seconds(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = heard(portaudio)
    clock.now += 1.4
    assert card.read(0.0) is None
    assert state(card) is MicrophoneState.OK

    clock.now += 0.2
    assert card.read(0.0) is None
    assert state(card) is MicrophoneState.LOST
    assert portaudio.streams[0].closed


def test_a_lost_device_is_found_in_a_new_list_and_is_ok_from_its_first_block(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = heard(portaudio, "usb")
    clock.now += 2.1
    card.read(0.0)
    portaudio.devices.insert(0, ("new", 1, 48e3))  # it comes back with another number
    clock.now += 1.0
    card.read(0.0)

    assert portaudio.initialisations == 1
    assert portaudio.opened == [1, 2]
    assert state(card) is MicrophoneState.LOST

    portaudio.streams[1].bring(noise())
    assert card.read(0.0) is not None
    assert state(card) is MicrophoneState.OK
    assert card.reopened == 1


def test_late_blocks_of_a_closed_stream_are_not_mixed_into_the_next_stream(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = heard(portaudio)
    clock.now += 2.1
    card.read(0.0)
    clock.now += 1.0
    card.read(0.0)
    portaudio.streams[0].bring(noise())

    assert card.read(0.0) is None


def test_a_missing_device_is_tried_less_and_less_often_but_for_ever(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    portaudio.devices = []
    tries = []
    while clock.now < 1100.0:
        before = portaudio.initialisations
        assert card.read(0.0) is None
        if portaudio.initialisations > before:
            tries.append(clock.now)
        clock.now += 0.1

    waits = np.diff(tries)
    assert 1.0 <= waits[0] <= 1.2
    assert all(later >= earlier - 0.2 for earlier, later in itertools.pairwise(waits))
    assert waits[-1] == pytest.approx(5.0, abs=0.2)
    assert state(card) is MicrophoneState.LOST


def test_after_a_failed_open_a_microphone_that_is_plugged_in_later_is_read(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    plugged, portaudio.devices = portaudio.devices, []
    card = SoundCardMicrophone()
    with pytest.raises(MicrophoneError):
        card.open()
    assert card.read(0.0) is None
    assert state(card) is MicrophoneState.LOST

    portaudio.devices = plugged
    clock.now += 1.0
    card.read(0.0)
    portaudio.streams[0].bring(noise())

    assert card.read(0.0) is not None
    assert state(card) is MicrophoneState.OK


def test_close_may_be_called_twice(portaudio: FakePortAudio) -> None:
    card = opened()
    card.close()
    card.close()

    assert portaudio.streams[0].closed


def test_read_returns_after_its_timeout(portaudio: FakePortAudio) -> None:
    card = opened()
    began = time.monotonic()

    assert card.read(0.05) is None
    assert time.monotonic() - began < 1.0


def test_a_device_chosen_by_number_is_found_again_by_its_name(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = heard(portaudio, "1")
    portaudio.devices.insert(0, ("new", 1, 48e3))
    clock.now += 2.1
    card.read(0.0)
    clock.now += 1.0
    card.read(0.0)

    assert portaudio.opened == [1, 2]


def test_the_default_device_is_looked_up_again_at_every_open(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = heard(portaudio)
    portaudio.default.device = (1, 0)
    clock.now += 2.1
    card.read(0.0)
    clock.now += 1.0
    card.read(0.0)

    assert portaudio.opened == [0, 1]


def test_a_stuck_device_is_restarted_less_and_less_often_and_stays_silent_meanwhile(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    starts = []
    while clock.now < 1400.0:
        clock.now += 0.5
        before = len(portaudio.streams)
        portaudio.streams[-1].bring(np.zeros(FRAME_SAMPLES, np.float32))
        card.read(0.0)
        if len(portaudio.streams) > before:
            starts.append(clock.now)
        if clock.now > 1002.0:
            assert state(card) is MicrophoneState.SILENT

    waits = np.diff(starts)
    assert starts[0] == pytest.approx(1005.5, abs=1.0)
    assert waits[0] == pytest.approx(10.0, abs=1.0)
    assert waits[-1] == pytest.approx(60.0, abs=1.5)
    assert card.reopened == 0


def test_a_stuck_device_that_brings_sound_after_a_restart_is_ok(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    while len(portaudio.streams) == 1:
        clock.now += 0.5
        portaudio.streams[-1].bring(np.zeros(FRAME_SAMPLES, np.float32))
        card.read(0.0)
    portaudio.streams[-1].bring(noise())

    assert card.read(0.0) is not None
    assert state(card) is MicrophoneState.OK


def test_a_sound_system_that_hangs_during_a_restart_makes_the_microphone_lost(
    clock: FakeTimeModule, portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = opened()
    seen: list[MicrophoneState] = []

    def hang(_stream: FakeStream, *, ignore_errors: bool) -> None:
        assert ignore_errors
        for _ in range(10):
            clock.now += 0.5
            seen.append(card.state)  # as another thread asks while the reader hangs

    monkeypatch.setattr(FakeStream, "abort", hang)
    for _ in range(12):
        clock.now += 0.5
        portaudio.streams[-1].bring(np.zeros(FRAME_SAMPLES, np.float32))
        card.read(0.0)

    assert seen[0] is MicrophoneState.SILENT
    assert seen[-1] is MicrophoneState.LOST


def test_a_stuck_device_that_vanishes_at_its_restart_is_lost(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    portaudio.devices = []
    for _ in range(20):
        clock.now += 0.5
        portaudio.streams[-1].bring(np.zeros(FRAME_SAMPLES, np.float32))
        card.read(0.0)

    assert state(card) is MicrophoneState.LOST


def test_a_late_callback_loses_nothing(clock: FakeTimeModule, portaudio: FakePortAudio) -> None:
    card = opened()
    for late in (0.4, 1.0, 1.4):
        clock.now += late
        assert card.read(0.0) is None
        portaudio.streams[0].bring(noise())
        assert card.read(0.0) is not None
        assert state(card) is MicrophoneState.OK
    assert len(portaudio.streams) == 1


def test_the_time_of_the_last_sign_of_life_advances_with_sound_and_with_attempts_to_open(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    clock.now += 1.0
    portaudio.streams[0].bring(noise())
    card.read(0.0)
    assert card.last_activity_at == 1001.0

    portaudio.devices = []
    while clock.now < 1060.0:
        card.read(0.0)
        assert clock.now - card.last_activity_at < 10.0
        clock.now += 0.1


def test_a_device_that_opens_but_brings_no_block_is_lost_within_two_seconds_and_reopened(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    lost_at = 0.0
    started: list[float] = []
    while clock.now < 1030.0:
        assert card.read(0.0) is None
        if not lost_at and state(card) is MicrophoneState.LOST:
            lost_at = clock.now
        if len(portaudio.streams) > len(started):
            started.append(clock.now)
        clock.now += 0.1

    assert lost_at == pytest.approx(1001.95, abs=0.1)
    assert len(started) >= 4
    assert started[1] - started[0] == pytest.approx(4.6, abs=0.3)


def test_a_device_that_starts_slowly_is_not_reopened(
    clock: FakeTimeModule, portaudio: FakePortAudio
) -> None:
    card = opened()
    clock.now += 2.5
    assert card.read(0.0) is None
    portaudio.streams[0].bring(noise())

    assert card.read(0.0) is not None
    assert state(card) is MicrophoneState.OK
    assert len(portaudio.streams) == 1
