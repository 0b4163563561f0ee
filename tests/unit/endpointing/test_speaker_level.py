"""Who speaks: the one who began, or somebody fainter in the background."""

from __future__ import annotations

import pytest

from appliance.endpointing.speaker_level import (
    BACKGROUND_FRAMES,
    LEVEL_FRAMES,
    SPEAKER_GONE_FRAMES,
    SpeakerLevel,
)


def heard(*parts: tuple[float, int]) -> SpeakerLevel:
    """Speech of (loudness, frames), one part after the other."""
    speaker = SpeakerLevel()
    for loudness, frames in parts:
        for _ in range(frames):
            speaker.add_speech(loudness)
    return speaker


@pytest.mark.parametrize(
    ("decibels", "background"), [(0.0, False), (-3.0, False), (-7.0, True), (-12.0, True)]
)
def test_speech_is_background_if_it_is_clearly_fainter_than_the_speaker_was(
    decibels: float,
    background: bool,  # noqa: FBT001
) -> None:
    speaker = heard((0.1, LEVEL_FRAMES), (0.1 * 10 ** (decibels / 20), SPEAKER_GONE_FRAMES))

    assert speaker.is_background(SPEAKER_GONE_FRAMES) is background


def test_a_speaker_who_drops_the_voice_and_raises_it_again_is_not_background() -> None:
    speaker = heard(
        (0.1, LEVEL_FRAMES),
        (0.04, SPEAKER_GONE_FRAMES - BACKGROUND_FRAMES),
        (0.1, 2 * BACKGROUND_FRAMES),
    )

    assert not speaker.is_background(SPEAKER_GONE_FRAMES)


def test_speech_is_not_background_before_the_speaker_has_spoken_for_a_second() -> None:
    speaker = heard((0.1, LEVEL_FRAMES - 1), (0.01, BACKGROUND_FRAMES))

    assert not speaker.is_background(BACKGROUND_FRAMES)


def test_pauses_between_the_vowels_do_not_make_speech_background() -> None:
    speaker = heard((0.1, LEVEL_FRAMES), *[(0.1, 3), (0.01, 7)] * 8)

    assert not speaker.is_background(SPEAKER_GONE_FRAMES)


def test_another_utterance_has_a_level_of_its_own() -> None:
    speaker = heard((0.1, LEVEL_FRAMES), (0.01, SPEAKER_GONE_FRAMES))
    speaker.begin(0.01)
    for _ in range(LEVEL_FRAMES + SPEAKER_GONE_FRAMES):
        speaker.add_speech(0.01)

    assert not speaker.is_background(SPEAKER_GONE_FRAMES)
    assert not speaker.is_background_frame(0.01)


def test_a_frame_is_background_if_it_is_14_db_below_the_loudest_of_the_last_seconds() -> None:
    speaker = SpeakerLevel()
    speaker.begin(0.1)

    assert not speaker.is_background_frame(0.021)
    assert speaker.is_background_frame(0.019)
    for _ in range(300):
        speaker.is_background_frame(0.0)
    assert not speaker.is_background_frame(0.019)
