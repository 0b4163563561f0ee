"""What is remembered of a session, and for how long."""

from __future__ import annotations

from support.fake_clock import FakeClock

from appliance.fallback.chat_history import CHARACTERS, SESSIONS, ChatHistory


def test_a_session_remembers_its_last_turns_in_order() -> None:
    sessions = ChatHistory(most_turns=2, minutes=1.0)
    for number in range(3):
        sessions.add("a", f"question {number}", f"answer {number}")
    assert sessions.turns("a") == ("question 1", "answer 1", "question 2", "answer 2")
    assert sessions.turns("b") == ()
    assert sessions.turns(None) == ()


def test_a_session_that_was_silent_too_long_is_over() -> None:
    clock = FakeClock(0.0)
    sessions = ChatHistory(most_turns=2, minutes=1.0, now=clock)
    sessions.add("a", "q", "a")
    clock.now = 61.0
    assert sessions.turns("a") == ()
    sessions.add("a", "new", "a")
    assert sessions.turns("a") == ("new", "a")


def test_long_turns_push_out_earlier_ones() -> None:
    sessions = ChatHistory(most_turns=9, minutes=1.0)
    for number in range(4):
        sessions.add("a", f"{number}" * CHARACTERS, "a")
    assert len(sessions.turns("a")) == 2


def test_sessions_are_bounded_in_number() -> None:
    sessions = ChatHistory(most_turns=1, minutes=1.0)
    for number in range(SESSIONS + 1):
        sessions.add(str(number), "q", "a")
    assert sessions.turns("0") == ()
    assert sessions.turns("1") == ("q", "a")


def test_without_turns_nothing_is_remembered() -> None:
    sessions = ChatHistory(most_turns=0, minutes=1.0)
    sessions.add("a", "q", "a")
    assert sessions.turns("a") == ()
