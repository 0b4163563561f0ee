"""Frames in, utterances out."""

from __future__ import annotations

import time

import msgspec
import numpy as np
import pytest
from support.loudness_detector import LoudnessDetector

from appliance.config import ListeningSettings
from appliance.endpointing.segmenter import (
    GATE_LOOKBACK_FRAMES,
    Segmenter,
    SpeechSegment,
    segments_in,
    spoken_part,
    utterance_from,
)
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples, Trigger

SETTINGS = ListeningSettings(pause_ms=320, pre_roll_ms=320, minimum_speech_ms=96, maximum_s=3.2)
"""In frames: pause 10, pre-roll 10, minimum 3, maximum 100."""

QUIET, VOICE = 0.001, 0.5


def sound(*parts: tuple[float, int]) -> Samples:
    """Frames of alternating samples: (loudness, frames) one after the other."""
    wave = np.resize(np.array([1.0, -1.0], dtype=np.float32), FRAME_SAMPLES)
    return np.concatenate([np.tile(loudness * wave, frames) for loudness, frames in parts])


def cut(samples: Samples, settings: ListeningSettings = SETTINGS) -> list[SpeechSegment]:
    return list(segments_in(samples, LoudnessDetector(), settings))


def frames(segment: SpeechSegment) -> int:
    return len(segment.samples) // FRAME_SAMPLES


def test_an_utterance_has_its_pre_roll_and_its_closing_pause() -> None:
    (utterance,) = cut(sound((QUIET, 40), (VOICE, 20), (QUIET, 40)))

    assert frames(utterance) == 10 + 20 + 10
    assert np.abs(utterance.samples[: 10 * FRAME_SAMPLES]).max() == pytest.approx(QUIET)
    assert utterance.samples[10 * FRAME_SAMPLES] == pytest.approx(VOICE)
    assert utterance.stop == (40 + 20 + 10) * FRAME_SAMPLES
    assert utterance.speech_seconds == pytest.approx(20 * 0.032)
    assert utterance.seconds_since_speech == pytest.approx(10 * 0.032)
    assert utterance.peak == pytest.approx(VOICE)


def test_speech_in_the_first_frame_is_not_cut_off() -> None:
    (utterance,) = cut(sound((VOICE, 20), (QUIET, 20)))

    assert frames(utterance) == 30


def test_two_utterances_share_no_sample() -> None:
    first, second = cut(sound((QUIET, 40), (VOICE, 20), (QUIET, 12), (VOICE, 20), (QUIET, 20)))

    assert first.stop == second.stop - len(second.samples)
    assert frames(second) == 2 + 20 + 10


def test_a_click_is_not_an_utterance_but_may_be_the_beginning_of_one() -> None:
    assert cut(sound((QUIET, 40), (VOICE, 2), (QUIET, 40))) == []

    (utterance,) = cut(sound((QUIET, 40), (VOICE, 2), (QUIET, 12), (VOICE, 20), (QUIET, 20)))
    assert frames(utterance) == 10 + 20 + 10


def test_continuous_speech_is_cut_into_pieces_without_a_gap() -> None:
    pieces = cut(sound((QUIET, 40), (VOICE, 250)))

    assert [frames(piece) for piece in pieces] == [110, 100, 50]
    assert [piece.stop for piece in pieces] == [n * FRAME_SAMPLES for n in (140, 240, 290)]


def test_the_detector_does_no_work_while_nothing_is_louder_than_the_noise_floor() -> None:
    detector = LoudnessDetector()
    segmenter = Segmenter(detector, SETTINGS)
    for frame in np.split(sound((QUIET, 1000)), 1000):
        assert segmenter.add_frame(frame) == []

    assert detector.frames_judged < 20


def test_the_detector_gets_the_frames_from_before_the_first_loud_one() -> None:
    detector = LoudnessDetector()
    segmenter = Segmenter(detector, SETTINGS)
    for frame in np.split(sound((QUIET, 100)), 100):
        segmenter.add_frame(frame)
    before = detector.frames_judged
    segmenter.add_frame(sound((VOICE, 1)))

    assert detector.frames_judged == before + GATE_LOOKBACK_FRAMES + 1


def test_the_utterance_so_far_can_be_read_while_somebody_speaks() -> None:
    segmenter = Segmenter(LoudnessDetector(), SETTINGS)
    for frame in np.split(sound((QUIET, 40), (VOICE, 2)), 42):
        segmenter.add_frame(frame)
    assert not segmenter.in_speech

    segmenter.add_frame(sound((VOICE, 1)))

    assert segmenter.in_speech
    assert len(segmenter.utterance_so_far) == 13 * FRAME_SAMPLES


def test_a_reset_forgets_the_sound_before_it() -> None:
    detector = LoudnessDetector()
    segmenter = Segmenter(detector, SETTINGS)
    for frame in np.split(sound((QUIET, 40), (VOICE, 20)), 60):
        segmenter.add_frame(frame)
    segmenter.reset()

    assert detector.resets == 1
    assert not segmenter.in_speech
    assert len(segmenter.utterance_so_far) == 0
    assert segmenter.finish() is None


def test_a_recording_becomes_one_utterance_from_its_first_speech_to_its_last() -> None:
    samples = sound((QUIET, 100), (VOICE, 20), (QUIET, 50), (VOICE, 20), (QUIET, 100))
    before = time.monotonic()

    utterance = utterance_from(samples, LoudnessDetector(), SETTINGS, new_id="7")

    assert len(utterance.samples) == (10 + 20 + 50 + 20 + 10) * FRAME_SAMPLES
    assert np.array_equal(
        utterance.samples, samples[90 * FRAME_SAMPLES : (100 + 20 + 50 + 20 + 10) * FRAME_SAMPLES]
    )
    assert utterance.speech_seconds == pytest.approx(40 * 0.032)
    assert utterance.peak == pytest.approx(VOICE)
    assert (utterance.id, utterance.trigger) == ("7", Trigger.FILE)
    assert before <= utterance.speech_ended <= time.monotonic()


def test_a_recording_without_speech_is_an_utterance_that_says_so() -> None:
    utterance = utterance_from(sound((QUIET, 100)), LoudnessDetector(), SETTINGS, new_id="7")

    assert utterance.speech_seconds == 0.0
    assert len(utterance.samples) == 100 * FRAME_SAMPLES


def test_an_empty_recording_is_an_utterance_without_speech() -> None:
    utterance = utterance_from(sound((QUIET, 0)), LoudnessDetector(), SETTINGS, new_id="7")

    assert (utterance.speech_seconds, utterance.seconds, utterance.peak) == (0.0, 0.0, 0.0)


def test_a_recording_that_ends_inside_a_frame_and_a_word_is_not_cut_off() -> None:
    samples = sound((QUIET, 20), (VOICE, 20))[:-100]

    utterance = utterance_from(samples, LoudnessDetector(), SETTINGS, new_id="7")

    assert len(utterance.samples) == 30 * FRAME_SAMPLES - 100


def test_an_utterance_that_background_speech_ends_keeps_its_beginning_and_leaves_that_out() -> None:
    settings = msgspec.structs.replace(SETTINGS, maximum_s=20.0)
    recording = sound((QUIET, 40), (VOICE, 60), (0.4 * VOICE, 200), (QUIET, 40))
    first, *_ = cut(recording, settings)

    assert np.array_equal(recording[first.start : first.start + len(first.samples)], first.samples)
    assert first.start == (40 - 10) * FRAME_SAMPLES
    assert first.start + len(first.samples) < first.stop
    assert np.array_equal(spoken_part(recording, [first]), first.samples)


def test_the_spoken_part_goes_from_the_first_utterance_to_the_last() -> None:
    recording = sound((QUIET, 40), (VOICE, 20), (QUIET, 30), (VOICE, 20), (QUIET, 40))
    first, second = cut(recording)
    part = spoken_part(recording, [first, second])

    assert len(part) == second.stop - first.start
    assert len(spoken_part(recording, [])) == len(recording)
