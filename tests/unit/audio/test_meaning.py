"""A sentence is looked at while it is being spoken, and nobody waits for that."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from appliance.audio.meaning import Meaning
from appliance.errors import EngineError
from appliance.values import Samples, SoFar

SOUND = np.zeros(512, dtype=np.float32)


def test_an_answer_names_the_sound_and_the_moment_that_it_is_about() -> None:
    meaning = Meaning(lambda _: SoFar.COMPLETE)
    meaning.ask(SOUND, 7)
    assert meaning.busy
    meaning.turn()

    assert not meaning.busy
    assert meaning.verdict is not None
    assert meaning.verdict.samples is SOUND
    assert (meaning.verdict.mark, meaning.verdict.so_far) == (7, SoFar.COMPLETE)


def test_a_newer_question_takes_the_place_of_one_that_waits() -> None:
    asked: list[int] = []

    def so_far(samples: Samples) -> SoFar:
        asked.append(len(samples))
        return SoFar.UNKNOWN

    meaning = Meaning(so_far)
    meaning.ask(SOUND[:100], 1)
    meaning.ask(SOUND[:200], 2)
    meaning.turn()
    meaning.turn()

    assert asked == [200]


def test_an_answer_that_comes_when_another_sentence_has_begun_does_not_count() -> None:
    meaning = Meaning(lambda _: meaning.forget() or SoFar.COMPLETE)  # type: ignore[func-returns-value]
    meaning.ask(SOUND, 1)
    meaning.turn()

    assert meaning.verdict is None
    assert not meaning.busy


def test_an_engine_that_fails_leaves_it_to_the_pauses_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Samples) -> SoFar:
        raise EngineError("the model is damaged")

    meaning = Meaning(fail)
    with caplog.at_level(logging.WARNING):
        for mark in (1, 2):
            meaning.ask(SOUND, mark)
            meaning.turn()

    assert meaning.verdict is not None
    assert meaning.verdict.so_far is SoFar.UNKNOWN
    assert len(caplog.records) == 1


def test_without_a_question_a_turn_comes_back_by_itself() -> None:
    meaning = Meaning(lambda _: SoFar.COMPLETE)
    meaning.turn()

    assert meaning.verdict is None
