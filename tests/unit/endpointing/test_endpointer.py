"""When an utterance begins and ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import ListeningSettings
from appliance.endpointing.endpointer import Endpointer, EndpointEvent, EndpointPolicy, frames_in

SPEECH, SILENCE = 0.9, 0.05

PAUSE = EndpointPolicy(10)
"""Ten frames without speech end an utterance of which nothing is known."""

COULD_GO_ON = EndpointPolicy(10, is_sentence=True)
FINAL = EndpointPolicy(10, is_sentence=True, is_final=True)


def new_endpointer(*, minimum: int = 3, maximum: int = 100) -> Endpointer:
    return Endpointer(threshold=0.5, minimum_frames=minimum, maximum_frames=maximum)


def events(
    endpointer: Endpointer, probabilities: list[float], policy: EndpointPolicy = PAUSE
) -> list[tuple[int, EndpointEvent]]:
    fed = ((at, endpointer.feed(one, policy)) for at, one in enumerate(probabilities))
    return [(at, event) for at, event in fed if event is not None]


def background(
    endpointer: Endpointer, frames: int, policy: EndpointPolicy
) -> list[EndpointEvent | None]:
    """What so many frames of background speech change."""
    return [endpointer.feed(SPEECH, policy, background=True) for _ in range(frames)]


def test_an_utterance_begins_at_its_first_frame_and_ends_when_the_pause_is_long_enough() -> None:
    heard = events(new_endpointer(), [SILENCE] * 5 + [SPEECH] * 20 + [SILENCE] * 20)

    assert heard == [(5, EndpointEvent.BEGAN), (34, EndpointEvent.ENDED)]


def test_a_short_pause_does_not_end_an_utterance() -> None:
    halting = ([SPEECH] * 8 + [SILENCE] * 9) * 3

    assert events(new_endpointer(), halting) == [(0, EndpointEvent.BEGAN)]


def test_a_click_is_dropped() -> None:
    assert events(new_endpointer(), [SPEECH] * 2 + [SILENCE] * 10) == [
        (0, EndpointEvent.BEGAN),
        (11, EndpointEvent.DROPPED),
    ]


def test_continuous_speech_is_ended_at_the_maximum_length() -> None:
    heard = events(new_endpointer(maximum=50), [SPEECH] * 100)

    assert heard == [
        (0, EndpointEvent.BEGAN),
        (49, EndpointEvent.ENDED),
        (50, EndpointEvent.BEGAN),
        (99, EndpointEvent.ENDED),
    ]


def test_a_probability_just_below_the_threshold_continues_speech_but_does_not_begin_it() -> None:
    assert events(new_endpointer(), [0.4] * 50) == []
    assert events(new_endpointer(), [0.6] * 5 + [0.4] * 50) == [(0, EndpointEvent.BEGAN)]


def test_with_a_low_threshold_speech_still_ends() -> None:
    endpointer = Endpointer(threshold=0.1, minimum_frames=3, maximum_frames=100)

    assert events(endpointer, [0.2] * 5 + [0.01] * 10) == [
        (0, EndpointEvent.BEGAN),
        (14, EndpointEvent.ENDED),
    ]


def test_the_endpointer_counts_speech_and_the_silence_after_the_speech() -> None:
    endpointer = new_endpointer()
    events(endpointer, [SPEECH] * 6 + [SILENCE] * 4)

    assert (endpointer.length_frames, endpointer.speech_frames) == (10, 6)
    assert endpointer.frames_since_speech == endpointer.frames_since_voice == 4
    assert endpointer.confirmed


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 0), (0.001, 1), (0.032, 1), (0.16, 5), (0.6, 19), (15.0, 469)]
)
def test_a_time_becomes_the_whole_frames_that_cover_it(seconds: float, frames: int) -> None:
    assert frames_in(seconds) == frames


def test_the_configured_times_become_frames() -> None:
    endpointer = Endpointer.of(ListeningSettings(minimum_speech_ms=0, maximum_s=3.2))

    assert (endpointer.minimum_frames, endpointer.maximum_frames) == (1, 100)


@given(
    st.lists(st.floats(0.0, 1.0), max_size=400),
    st.integers(1, 20),
    st.integers(1, 10),
    st.integers(21, 80),
)
def test_for_any_sound_begin_and_end_alternate_and_the_limits_hold(
    probabilities: list[float], pause: int, minimum: int, maximum: int
) -> None:
    endpointer = new_endpointer(minimum=minimum, maximum=maximum)
    began = None
    for at, probability in enumerate(probabilities):
        was_open = endpointer.open
        event = endpointer.feed(probability, EndpointPolicy(pause))
        if event is EndpointEvent.BEGAN:
            assert not was_open
            assert probability >= 0.5
            began = at
        elif event is not None:
            assert was_open
            assert began is not None
            length = at - began + 1
            assert length == endpointer.length_frames <= maximum
            assert endpointer.frames_since_speech >= pause or length == maximum
            assert (event is EndpointEvent.ENDED) == (endpointer.speech_frames >= minimum)
            began = None
        assert endpointer.open == (began is not None)
        assert not endpointer.open or endpointer.frames_since_speech < pause


@given(st.lists(st.integers(1, 18), min_size=1, max_size=10), st.integers(3, 12))
def test_no_pause_shorter_than_the_limit_ends_an_utterance(pauses: list[int], words: int) -> None:
    spoken = [p for pause in pauses for p in [SPEECH] * words + [SILENCE] * pause]

    assert events(new_endpointer(maximum=10_000), [*spoken, SPEECH], EndpointPolicy(19)) == [
        (0, EndpointEvent.BEGAN)
    ]


def test_background_speech_ends_the_utterance_but_later_than_silence() -> None:
    endpointer = new_endpointer()
    events(endpointer, [SPEECH] * 20)

    assert background(endpointer, 40, PAUSE).index(EndpointEvent.ENDED) == 39
    assert (endpointer.speech_frames, endpointer.frames_since_speech) == (20, 40)
    assert endpointer.voiced_frames == 60


def test_a_voice_that_drops_and_rises_again_is_one_utterance() -> None:
    endpointer = new_endpointer(maximum=1000)
    for _ in range(3):
        events(endpointer, [SPEECH] * 8)
        assert background(endpointer, 30, PAUSE) == [None] * 30
    assert endpointer.open


def test_background_speech_that_continues_after_a_sentence_begins_no_utterance() -> None:
    endpointer = new_endpointer()
    events(endpointer, [SPEECH] * 10)
    changes = background(endpointer, 20, FINAL)

    assert [event for event in changes if event is not None] == [EndpointEvent.ENDED]
    assert endpointer.feed(SPEECH, FINAL) is EndpointEvent.BEGAN  # a raised voice is heard


def test_background_speech_begins_an_utterance_again_after_a_silence() -> None:
    endpointer = new_endpointer()
    events(endpointer, [SPEECH] * 10)

    assert background(endpointer, 10, FINAL)[-1] is EndpointEvent.ENDED
    assert endpointer.feed(SILENCE, FINAL, background=True) is None
    assert endpointer.feed(SPEECH, FINAL, background=True) is EndpointEvent.BEGAN


def test_after_a_reset_background_speech_begins_an_utterance() -> None:
    endpointer = new_endpointer()
    events(endpointer, [SPEECH] * 10)
    background(endpointer, 10, FINAL)
    endpointer.reset()

    assert background(endpointer, 1, FINAL) == [EndpointEvent.BEGAN]


@pytest.mark.parametrize(("policy", "ends"), [(COULD_GO_ON, False), (FINAL, True)])
def test_a_faint_word_is_full_pause_only_after_a_sentence_that_is_final(
    policy: EndpointPolicy,
    ends: bool,  # noqa: FBT001
) -> None:
    endpointer = new_endpointer()
    events(endpointer, [SPEECH] * 5)

    assert (background(endpointer, 10, policy)[-1] is EndpointEvent.ENDED) is ends


def test_an_utterance_ends_at_once_if_its_speaker_is_gone() -> None:
    endpointer = new_endpointer()
    events(endpointer, [SPEECH] * 5)

    assert endpointer.feed(SPEECH, EndpointPolicy(10, speaker_gone=True)) is EndpointEvent.ENDED
