"""Threads that want the speech models take turns, the most urgent first."""

from __future__ import annotations

import threading
import time

import pytest

from appliance.recognition.inference_turns import InferenceTurns, Urgency


def waiting(turns: InferenceTurns, count: int) -> None:
    end = time.monotonic() + 5
    while len(turns._waiting) < count:
        assert time.monotonic() < end, "the threads do not ask for a turn"
        time.sleep(0.002)


def test_the_most_urgent_goes_first_and_never_two_at_a_time() -> None:
    turns = InferenceTurns()
    order: list[Urgency] = []
    inside = 0

    def work(urgency: Urgency) -> None:
        nonlocal inside
        with turns.turn(urgency):
            inside += 1
            assert inside == 1
            order.append(urgency)
            time.sleep(0.01)
            inside -= 1

    asked = [Urgency.TRANSCRIPTION, Urgency.EARLY_LOOK, Urgency.UTTERANCE, Urgency.EARLY_LOOK]
    threads = [threading.Thread(target=work, args=[urgency]) for urgency in asked]
    with turns.turn(Urgency.TRANSCRIPTION):
        for count, thread in enumerate(threads, 1):
            thread.start()
            waiting(turns, count)
    for thread in threads:
        thread.join(5)

    assert order == sorted(asked)


def test_a_long_work_lets_others_in_between_and_goes_on_after_them() -> None:
    turns = InferenceTurns()
    order: list[str] = []

    def speak() -> None:
        with turns.turn(Urgency.UTTERANCE):
            order.append("utterance")

    thread = threading.Thread(target=speak)
    with turns.turn(Urgency.TRANSCRIPTION):
        thread.start()
        waiting(turns, 1)
        order.append("first piece")
        with turns.break_in(Urgency.TRANSCRIPTION):
            thread.join(5)
        order.append("second piece")

    assert order == ["first piece", "utterance", "second piece"]


def test_a_turn_that_fails_is_given_back() -> None:
    turns = InferenceTurns()
    with pytest.raises(ZeroDivisionError), turns.turn(Urgency.UTTERANCE):
        print(1 / 0)

    with turns.turn(Urgency.TRANSCRIPTION):
        assert turns._taken
