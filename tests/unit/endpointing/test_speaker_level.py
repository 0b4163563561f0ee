"""Who speaks: the one who began, or somebody fainter who goes on."""

from __future__ import annotations

import pytest

from appliance.endpointing.speaker_level import HUSH, LEFT, NEAR, SpeakerLevel


def talker(*parts: tuple[float, int]) -> SpeakerLevel:
    """Who was so loud for so many frames, one after the other."""
    one = SpeakerLevel()
    for loudness, frames in parts:
        for _ in range(frames):
            one.hear(loudness)
    return one


@pytest.mark.parametrize(
    ("decibels", "fainter"), [(0.0, False), (-3.0, False), (-7.0, True), (-12.0, True)]
)
def test_speech_is_anothers_when_it_is_clearly_fainter_than_the_talkers_was(
    decibels: float,
    fainter: bool,  # noqa: FBT001
) -> None:
    loudness = 0.1 * 10 ** (decibels / 20)

    assert talker((0.1, NEAR), (loudness, LEFT)).is_fainter(LEFT) is fainter


def test_a_talker_who_drops_the_voice_and_raises_it_again_has_not_left_off() -> None:
    one = talker((0.1, NEAR), (0.04, LEFT - HUSH), (0.1, 2 * HUSH))

    assert not one.is_fainter(LEFT)


def test_nothing_is_said_of_who_has_spoken_for_less_than_a_second() -> None:
    assert not talker((0.1, NEAR - 1), (0.01, HUSH)).is_fainter(HUSH)


def test_pauses_between_the_vowels_do_not_count() -> None:
    one = talker((0.1, NEAR), *[(0.1, 3), (0.01, 7)] * 8)

    assert not one.is_fainter(LEFT)


def test_another_sentence_has_a_level_of_its_own() -> None:
    one = talker((0.1, NEAR), (0.01, LEFT))
    one.begin()
    for _ in range(NEAR + LEFT):
        one.hear(0.01)

    assert not one.is_fainter(LEFT)
