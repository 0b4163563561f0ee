"""What is answered about timers, in each language, and which time of day is meant."""

from __future__ import annotations

from typing import Any

import pytest
from support.board_clock import BoardClock

from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.sentences import sentence_set
from appliance.sentences.active_sentences import ActiveSentences
from appliance.timers.timer_intents import TimerIntents, TimerOrder
from appliance.timers.timer_list import TimerList
from appliance.timers.times_from_slots import duration_of, hours_of
from appliance.values import Intent

LANGUAGES = ("en", "de", "fr", "es", "it", "nl")

ORDERS: list[tuple[str, dict[str, Any]]] = [
    ("HassTimerStatus", {}),
    ("HassCancelTimer", {}),
    ("AlarmCancel", {}),
    ("AlarmSnooze", {}),
    ("ReminderCancel", {}),
    ("AlarmStatus", {}),
    ("ReminderStatus", {}),
    ("HassStartTimer", {}),
    ("HassStartTimer", {"hours": 1, "minutes": 30, "name": "pizza"}),
    ("HassStartTimer", {"minutes": 10}),
    ("HassStartTimer", {"minutes": 5, "conversation_command": "turn on all lights"}),
    ("HassTimerStatus", {}),
    ("HassCancelTimer", {}),
    ("HassIncreaseTimer", {"minutes": 1, "name": "pizza"}),
    ("HassDecreaseTimer", {"minutes": 1, "start_minutes": 10}),
    ("HassPauseTimer", {"name": "pizza"}),
    ("HassUnpauseTimer", {}),
    ("HassCancelTimer", {"name": "pizza"}),
    ("HassCancelAllTimers", {}),
    ("AlarmSet", {"hour": 7, "minute": 30}),
    ("AlarmSet", {"hour": 8, "to": 15, "repeat": "weekdays"}),
    ("AlarmStatus", {}),
    ("AlarmCancel", {}),
    ("AlarmCancelAll", {}),
    ("ReminderSet", {"minutes": 5, "text": "call Anna"}),
    ("ReminderSet", {"hour": 8, "day": 4, "text": "call Anna"}),
    ("ReminderStatus", {}),
    ("CommandAtTime", {"hour": 8, "conversation_command": "turn on all lights"}),
]


class Orders:
    """Orders to a list of timers, one after the other."""

    def __init__(self, language: str = "en") -> None:
        self.board = BoardClock()
        self.timers = TimerList(self.board.clocks())
        sentences = ActiveSentences(sentence_set.load(None, "en"))
        self.intents = TimerIntents(self.timers, sentences, ConfirmationRules(sentences), 540.0)
        self.language = language
        self.number = 0

    def say(self, name: str, /, **slots: Any) -> str:
        self.number += 1
        order = TimerOrder(str(self.number), Intent(name, slots), self.language)
        return self.intents.carry_out(order)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_order_is_answered_in_every_language(language: str) -> None:
    orders, english = Orders(language), Orders("en")
    for name, slots in ORDERS:
        answer, other = orders.say(name, **slots), english.say(name, **slots)
        assert answer, (name, slots)
        assert "{" not in answer
        assert language == "en" or answer != other, f"{answer!r} is English"


@pytest.mark.parametrize(
    ("slots", "twelve_hours", "expected"),
    [
        ({"hour": 7}, True, ((7, 19), 0)),
        ({"hour": 12}, True, ((0, 12), 0)),
        ({"hour": 7}, False, ((7,), 0)),
        ({"hour": 7, "half": "pm"}, True, ((19,), 0)),
        ({"hour": 12, "half": "am"}, True, ((0,), 0)),
        ({"hour": 12, "half": "pm"}, True, ((12,), 0)),
        ({"hour": 19, "minute": 5}, True, ((19,), 5)),
        ({"hour": 8, "to": 30}, False, ((7,), 30)),
        ({"hour": 0, "to": 15}, False, ((23,), 45)),
        ({"hour": 1, "to": 15, "half": "pm"}, True, ((12,), 45)),
        ({"hour": 24}, False, None),
        ({"minute": 5}, False, None),
        ({}, True, None),
    ],
)
def test_a_time_of_day_is_read_as_it_is_said(
    slots: dict[str, Any], *, twelve_hours: bool, expected: Any
) -> None:
    assert hours_of(slots, twelve_hours=twelve_hours) == expected


@pytest.mark.parametrize(
    ("slots", "seconds"),
    [
        ({"minutes": 10}, 600.0),
        ({"hours": "1", "minutes": 30, "seconds": 5}, 5405.0),
        ({"start_minutes": 10}, None),
        ({"minutes": "some"}, None),
        ({}, None),
    ],
)
def test_a_duration_is_read_from_its_slots(slots: dict[str, Any], seconds: float | None) -> None:
    assert duration_of(slots) == seconds


def test_seven_is_the_next_seven_oclock_but_on_a_named_day_it_is_in_the_morning() -> None:
    orders = Orders("en")
    now = orders.timers.clocks.local()
    orders.say("AlarmSet", hour=now.hour % 12 + 1)
    (soon,) = orders.timers.timers.values()
    assert orders.timers.left_s(soon) <= 3600.0
    orders.say("AlarmSet", hour=7, day="tomorrow")
    assert [timer.hour for timer in orders.timers.timers.values()][1] == 7


def test_an_alarm_is_found_by_the_hour_in_either_half_of_the_day() -> None:
    orders = Orders("en")
    orders.say("AlarmSet", hour=7, half="pm", repeat="daily")
    orders.say("AlarmSet", hour=9, half="am", repeat="daily")
    assert orders.say("AlarmCancel", hour=7) == "Alarm cancelled."
    assert [timer.hour for timer in orders.timers.timers.values()] == [9]
