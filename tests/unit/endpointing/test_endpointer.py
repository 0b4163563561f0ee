"""When a sentence begins and ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import ListeningSettings
from appliance.endpointing.endpointer import Endpointer, EndpointEvent, frames_in

SPEECH, NOTHING = 0.9, 0.05


def endpoint(*, pause: int = 10, minimum: int = 3, maximum: int = 100) -> Endpointer:
    return Endpointer(threshold=0.5, pause=pause, minimum=minimum, maximum=maximum)


def events(ear: Endpointer, probabilities: list[float]) -> list[tuple[int, EndpointEvent]]:
    fed = ((at, ear.feed(probability)) for at, probability in enumerate(probabilities))
    return [(at, event) for at, event in fed if event is not None]


def test_a_sentence_begins_at_its_first_frame_and_ends_when_the_pause_is_over() -> None:
    heard = events(endpoint(), [NOTHING] * 5 + [SPEECH] * 20 + [NOTHING] * 20)

    assert heard == [(5, EndpointEvent.BEGAN), (34, EndpointEvent.ENDED)]


def test_a_pause_inside_a_sentence_does_not_end_it() -> None:
    halting = ([SPEECH] * 8 + [NOTHING] * 9) * 3

    assert events(endpoint(), halting) == [(0, EndpointEvent.BEGAN)]


def test_a_click_is_dropped() -> None:
    assert events(endpoint(), [SPEECH] * 2 + [NOTHING] * 10) == [
        (0, EndpointEvent.BEGAN),
        (11, EndpointEvent.DROPPED),
    ]


def test_speech_that_never_ends_is_ended_at_the_maximum() -> None:
    heard = events(endpoint(maximum=50), [SPEECH] * 100)

    assert heard == [
        (0, EndpointEvent.BEGAN),
        (49, EndpointEvent.ENDED),
        (50, EndpointEvent.BEGAN),
        (99, EndpointEvent.ENDED),
    ]


def test_a_probability_a_little_below_the_threshold_goes_on_with_speech_but_does_not_begin_it() -> (
    None
):
    assert events(endpoint(), [0.4] * 50) == []
    assert events(endpoint(), [0.6] * 5 + [0.4] * 50) == [(0, EndpointEvent.BEGAN)]


def test_a_low_threshold_can_be_left_again() -> None:
    ear = Endpointer(threshold=0.1, pause=10, minimum=3, maximum=100)

    assert events(ear, [0.2] * 5 + [0.01] * 10) == [
        (0, EndpointEvent.BEGAN),
        (14, EndpointEvent.ENDED),
    ]


def test_it_counts_speech_and_the_quiet_after_it() -> None:
    ear = endpoint()
    events(ear, [SPEECH] * 6 + [NOTHING] * 4)

    assert (ear.length, ear.speech, ear.quiet, ear.sure) == (10, 6, 4, True)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 0), (0.001, 1), (0.032, 1), (0.16, 5), (0.6, 19), (15.0, 469)]
)
def test_times_become_whole_frames_that_cover_them(seconds: float, frames: int) -> None:
    assert frames_in(seconds) == frames


def test_the_configured_times_are_taken_over() -> None:
    ear = Endpointer.of(ListeningSettings(pause_ms=320, minimum_speech_ms=0, maximum_s=3.2))

    assert (ear.pause, ear.minimum, ear.maximum) == (10, 1, 100)


@given(
    st.lists(st.floats(0.0, 1.0), max_size=400),
    st.integers(1, 20),
    st.integers(1, 10),
    st.integers(21, 80),
)
def test_whatever_is_heard_begin_and_end_alternate_and_the_limits_hold(
    probabilities: list[float], pause: int, minimum: int, maximum: int
) -> None:
    ear = endpoint(pause=pause, minimum=minimum, maximum=maximum)
    began = None
    for at, probability in enumerate(probabilities):
        was_open = ear.open
        event = ear.feed(probability)
        if event is EndpointEvent.BEGAN:
            assert not was_open
            assert probability >= 0.5
            began = at
        elif event is not None:
            assert was_open
            assert began is not None
            length = at - began + 1
            assert length == ear.length <= maximum
            assert ear.quiet >= pause or length == maximum
            assert (event is EndpointEvent.ENDED) == (ear.speech >= minimum)
            began = None
        assert ear.open == (began is not None)
        assert not ear.open or ear.quiet < pause


@given(st.lists(st.integers(1, 18), min_size=1, max_size=10), st.integers(3, 12))
def test_no_pause_shorter_than_the_limit_ever_cuts_a_sentence(
    pauses: list[int], words: int
) -> None:
    ear = endpoint(pause=19, maximum=10_000)
    sentence = [p for pause in pauses for p in [SPEECH] * words + [NOTHING] * pause]

    assert events(ear, [*sentence, SPEECH]) == [(0, EndpointEvent.BEGAN)]


def test_a_faint_voice_in_the_background_ends_the_sentence_but_later_than_a_pause() -> None:
    ear = endpoint(pause=10)
    for _ in range(20):
        ear.feed(SPEECH)
    fed = [ear.feed(SPEECH, faint=True) for _ in range(40)]

    assert fed.index(EndpointEvent.ENDED) == 39
    assert (ear.speech, ear.quiet) == (20, 40)


def test_a_voice_that_drops_and_rises_again_is_one_sentence() -> None:
    ear = endpoint(pause=10, maximum=1000)
    for faint in ([False] * 8 + [True] * 30) * 3:
        assert ear.feed(SPEECH, faint=faint) in (None, EndpointEvent.BEGAN)
    assert ear.open


def test_a_voice_that_fades_away_behind_a_whole_sentence_begins_no_other() -> None:
    ear = endpoint(pause=3)
    events(ear, [SPEECH] * 10)
    ear.whole = ear.settled = True
    fading = [ear.feed(SPEECH, faint=True) for _ in range(20)]
    assert [event for event in fading if event is not None] == [EndpointEvent.ENDED]
    assert ear.feed(SPEECH) is EndpointEvent.BEGAN  # who speaks up is heard


def test_a_faint_voice_begins_a_sentence_again_once_it_was_still() -> None:
    ear = endpoint(pause=3)
    events(ear, [SPEECH] * 10)
    ear.whole = ear.settled = True
    assert [ear.feed(SPEECH, faint=True) for _ in range(3)][-1] is EndpointEvent.ENDED
    assert ear.feed(NOTHING, faint=True) is None
    assert ear.feed(SPEECH, faint=True) is EndpointEvent.BEGAN


def test_a_faint_word_keeps_a_sentence_open_that_could_go_on_and_none_that_is_over() -> None:
    for settled in (False, True):
        ear = endpoint()
        for _ in range(5):
            ear.feed(SPEECH)
        ear.whole, ear.settled = True, settled
        ended = [ear.feed(SPEECH, faint=True) for _ in range(ear.pause)]
        assert (ended[-1] is EndpointEvent.ENDED) is settled
