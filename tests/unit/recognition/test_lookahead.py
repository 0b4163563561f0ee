"""A sentence is looked at while it is being spoken, and nobody waits for that."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest

from appliance.errors import EngineError, Interrupted
from appliance.recognition.lookahead import LookaheadQueue
from appliance.values import Samples, SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

SOUND = np.zeros(512, dtype=np.float32)


def complete(_samples: Samples, _thorough: bool, _outdated: Callable[[], bool]) -> SentenceProgress:  # noqa: FBT001
    return SentenceProgress.COMPLETE


def test_an_answer_names_the_sound_and_the_moment_that_it_is_about() -> None:
    meaning = LookaheadQueue(complete)
    meaning.request(SOUND, 7)
    assert meaning.pending
    meaning.turn()

    assert not meaning.pending
    assert meaning.verdict is not None
    assert meaning.verdict.samples is SOUND
    assert (meaning.verdict.mark, meaning.verdict.progress) == (7, SentenceProgress.COMPLETE)


def test_a_newer_question_takes_the_place_of_one_that_waits() -> None:
    asked: list[int] = []

    def so_far(samples: Samples, *_: object) -> SentenceProgress:
        asked.append(len(samples))
        return SentenceProgress.UNKNOWN

    meaning = LookaheadQueue(so_far)
    meaning.request(SOUND[:100], 1)
    meaning.request(SOUND[:200], 2)
    meaning.turn()
    meaning.turn()

    assert asked == [200]


def test_an_answer_that_comes_when_another_sentence_has_begun_does_not_count() -> None:
    def so_far(*_: object) -> SentenceProgress:
        meaning.reset()
        return SentenceProgress.COMPLETE

    meaning = LookaheadQueue(so_far)
    meaning.request(SOUND, 1)
    meaning.turn()

    assert meaning.verdict is None
    assert not meaning.pending


def test_what_was_asked_before_more_was_said_is_given_up_and_has_no_answer() -> None:
    seen: list[bool] = []

    def so_far(
        _samples: Samples,
        _thorough: bool,  # noqa: FBT001
        outdated: Callable[[], bool],
    ) -> SentenceProgress:
        seen.append(outdated())
        meaning.cancel()
        seen.append(outdated())
        raise Interrupted("more has been said")

    meaning = LookaheadQueue(so_far)
    meaning.request(SOUND, 1)
    meaning.turn()

    assert seen == [False, True]
    assert not meaning.pending
    assert meaning.verdict is None


def test_a_thorough_question_names_its_sound_until_it_is_answered() -> None:
    named: list[Samples | None] = []

    def so_far(*_: object) -> SentenceProgress:
        named.extend((meaning.pending_thorough(3), meaning.pending_thorough(4)))
        return SentenceProgress.UNKNOWN

    meaning = LookaheadQueue(so_far)
    meaning.request(SOUND, 3, thorough=True)
    assert meaning.pending_thorough(3) is SOUND
    meaning.turn()

    assert named[0] is SOUND
    assert named[1] is None
    assert meaning.pending_thorough(3) is None
    assert meaning.verdict is not None
    assert meaning.verdict.thorough


def test_an_engine_that_fails_leaves_it_to_the_pauses_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> SentenceProgress:
        raise EngineError("the model is damaged")

    meaning = LookaheadQueue(fail)
    with caplog.at_level(logging.WARNING):
        for mark in (1, 2):
            meaning.request(SOUND, mark)
            meaning.turn()

    assert meaning.verdict is not None
    assert meaning.verdict.progress is SentenceProgress.UNKNOWN
    assert len(caplog.records) == 1


def test_without_a_question_a_turn_comes_back_by_itself() -> None:
    meaning = LookaheadQueue(complete)
    meaning.turn()

    assert meaning.verdict is None
