"""Carries out the intents about timers, alarms, reminders and delayed commands, and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.errors import CommandRefused
from appliance.messages.timer_payloads import TimerKind, TimerPhase
from appliance.sentences.home_assistant_responses import error_response, response
from appliance.timers.timer import Timer
from appliance.timers.timer_list import LONGEST_S, MAXIMUM_TIMERS, Query
from appliance.timers.timer_phrases import timer_phrases_for
from appliance.timers.times_from_slots import duration_of, hours_of, one_day, repeated_days

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.devices.confirmation_rules import ConfirmationRules
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.timers.clocks import Moment
    from appliance.timers.timer_list import TimerList
    from appliance.values import Intent

SNOOZABLE_S = 600.0
"""Seconds after the beginning of a ring in which an alarm can be snoozed, even if it was
silenced."""

EXACT_BELOW_S = 600.0
"""Seconds from which the remaining time is said in whole minutes."""


@dataclass(frozen=True, slots=True)
class TimerOrder:
    """An intent about timers, with its origin."""

    id: str
    """Id of the job; a timer that it starts has the same id."""
    intent: Intent
    language: str
    area: str | None = None
    """The room in which it was said."""
    by_voice: bool = False

    @property
    def slots(self) -> dict[str, Any]:
        """The slots of the intent."""
        return self.intent.slots

    def text(self, slot: str) -> str | None:
        """The words in a slot; None if there are none."""
        return str(self.slots.get(slot) or "").strip() or None


class TimerIntents:
    """Carries out orders; answers are in the order's language. Use it from one thread at a time."""

    def __init__(
        self,
        timers: TimerList,
        sentences: ActiveSentences,
        rules: ConfirmationRules,
        snooze_s: float,
    ) -> None:
        self._timers = timers
        self._sentences = sentences
        self._rules = rules
        self._snooze_s = snooze_s
        self.last_rung: Timer | None = None
        """The alarm that was silenced last: it can still be snoozed."""
        self._carriers: dict[str, Callable[[TimerOrder], str]] = {
            "HassStartTimer": self._start,
            "HassCancelTimer": self._cancel,
            "HassCancelAllTimers": self._cancel_all,
            "HassIncreaseTimer": self._lengthen,
            "HassDecreaseTimer": self._lengthen,
            "HassPauseTimer": self._pause,
            "HassUnpauseTimer": self._resume,
            "HassTimerStatus": self._status,
            "AlarmSet": self._set_alarm,
            "AlarmCancel": self._cancel_kind,
            "AlarmCancelAll": self._cancel_all,
            "AlarmStatus": self._list,
            "AlarmSnooze": self._snooze,
            "ReminderSet": self._set_reminder,
            "ReminderCancel": self._cancel_kind,
            "ReminderStatus": self._list,
            "CommandAtTime": self._command_at_time,
        }

    def knows(self, name: str) -> bool:
        """Whether an intent is about timers."""
        return name in self._carriers

    def carry_out(self, order: TimerOrder) -> str:
        """Change the list of timers, and return the answer.

        Raises:
            CommandRefused: a command for later cannot be done then. It is an error and no answer,
                since its sentences fit much talk: "in ten minutes we have to go".

        """
        return self._carriers[order.intent.name](order)

    # Timers.

    def _start(self, order: TimerOrder) -> str:
        phrases, _ = timer_phrases_for(order.language)
        seconds, command = duration_of(order.slots), order.text("conversation_command")
        if not seconds or seconds <= 0:
            return phrases.no_duration
        if refusal := self._refusal(order, seconds, command):
            return refusal
        self._timers.start(
            Timer(
                id=order.id,
                kind=TimerKind.COMMAND if command else TimerKind.TIMER,
                due=self._timers.clocks.after(seconds),
                name=order.text("name"),
                area=order.text("area") or order.area,
                text=command,
                by_voice=order.by_voice,
                duration_s=seconds,
            )
        )
        return _said(order, "command" if command else "default")

    def _refusal(self, order: TimerOrder, seconds: float, command: str | None) -> str | None:
        """Reason why a timer cannot be started; None if it can."""
        phrases, _ = timer_phrases_for(order.language)
        if seconds > LONGEST_S:
            return phrases.too_long
        if len(self._timers.timers) >= MAXIMUM_TIMERS:
            return phrases.too_many
        if command:
            self._check_command(order, command)
        return None

    def _check_command(self, order: TimerOrder, command: str) -> None:
        """Refuse what is no command, and what somebody must confirm when it is done.

        Also what was only guessed: when its time comes, it would be a command in its very words.
        """
        phrases, _ = timer_phrases_for(order.language)
        if order.intent.by != "grammar":
            raise CommandRefused(phrases.command_refused.format(text=command))
        sentences = self._sentences.current
        intents = sentences.parse_all(command)
        if not intents:
            raise CommandRefused(phrases.command_unknown.format(text=command))
        barred = any(
            sentences.declared[intent.name].never_by_voice or self.knows(intent.name)
            for intent in intents
        )
        if barred or self._rules.commands_need_yes(intents, command, order.language):
            raise CommandRefused(phrases.command_refused.format(text=command))

    def _cancel(self, order: TimerOrder) -> str:
        query = _query(order)
        ringing = [timer for timer in self._timers.ringing() if query.fits(timer)]
        if ringing and not query.says_which:
            for timer in ringing:
                self._timers.cancel(timer)
            return _said(order)
        return self._with_one(order, query, None, self._timers.cancel) or _said(order)

    def _cancel_all(self, order: TimerOrder) -> str:
        alarms = order.intent.name == "AlarmCancelAll"
        kinds = (TimerKind.ALARM,) if alarms else (TimerKind.TIMER, TimerKind.COMMAND)
        area = None if alarms else order.text("area")
        found = self._matching(Query(kinds=kinds, area=area))
        for timer in found:
            self._timers.cancel(timer)
        phrases, _ = timer_phrases_for(order.language)
        if alarms:
            return phrases.alarm_cancelled if found else phrases.no_alarm
        values = {"canceled": len(found), "area": area}
        by_area = response(order.language, order.intent.name, "area", slots=values) if area else ""
        return by_area or response(order.language, order.intent.name, slots=values)

    def _lengthen(self, order: TimerOrder) -> str:
        phrases, _ = timer_phrases_for(order.language)
        seconds = duration_of(order.slots)
        if not seconds or seconds <= 0:
            return phrases.no_duration
        if seconds > LONGEST_S:
            return phrases.too_long
        sign = -1.0 if order.intent.name == "HassDecreaseTimer" else 1.0
        problem = self._with_one(
            order, _query(order), None, lambda timer: self._timers.lengthen(timer, sign * seconds)
        )
        return problem or _said(order)

    def _pause(self, order: TimerOrder) -> str:
        running = TimerPhase.RUNNING
        return self._with_one(order, _query(order), running, self._timers.pause) or _said(order)

    def _resume(self, order: TimerOrder) -> str:
        paused = TimerPhase.PAUSED
        return self._with_one(order, _query(order), paused, self._timers.resume) or _said(order)

    def _status(self, order: TimerOrder) -> str:
        query = _query(order)
        found = self._matching(query)
        if not found and query.says_which:
            return error_response(order.language, "timer_not_found")
        return response(
            order.language,
            order.intent.name,
            slots={"timers": [self._for_template(timer) for timer in found]},
        )

    def _for_template(self, timer: Timer) -> dict[str, Any]:
        """A timer with the names that Home Assistant's response reads."""
        left = self._timers.left_s(timer)
        rounded = round(left / 60) * 60 if left >= EXACT_BELOW_S else round(left)
        hours, minutes, seconds = _split(rounded)
        start_hours, start_minutes, start_seconds = _split(round(timer.duration_s))
        return {
            "is_active": timer.phase is not TimerPhase.PAUSED,
            "total_seconds_left": left,
            "rounded_hours_left": hours,
            "rounded_minutes_left": minutes,
            "rounded_seconds_left": seconds,
            "start_hours": start_hours,
            "start_minutes": start_minutes,
            "start_seconds": start_seconds,
            "name": timer.name or "",
            "area": timer.area or "",
        }

    # Alarms, reminders, and commands at a time of day.

    def _set_alarm(self, order: TimerOrder) -> str:
        phrases, words = timer_phrases_for(order.language)
        timer = self._at_time_of_day(order, TimerKind.ALARM)
        if timer is None:
            return phrases.no_duration
        if refusal := self._refusal(order, 0.0, None):
            return refusal
        self._timers.start(timer)
        answer = phrases.alarm_set.format(
            time=words.time_of_day(timer.hour or 0, timer.minute),
            day=phrases.when(timer, self._timers.clocks.local(), words),
        )
        return self._with_warning(order, answer)

    def _set_reminder(self, order: TimerOrder) -> str:
        phrases, words = timer_phrases_for(order.language)
        seconds, text = duration_of(order.slots), order.text("text")
        timer: Timer | None
        if seconds and seconds > 0:
            due = self._timers.clocks.after(seconds)
            timer = Timer(
                id=order.id, kind=TimerKind.REMINDER, due=due, text=text, duration_s=seconds
            )
        else:
            timer = self._at_time_of_day(order, TimerKind.REMINDER, text)
        if timer is None or text is None:
            return phrases.no_duration
        if refusal := self._refusal(order, seconds or 0.0, None):
            return refusal
        self._timers.start(timer)
        if timer.hour is None:
            return phrases.reminder_in.format(duration=words.duration(timer.duration_s), text=text)
        time = words.time_of_day(timer.hour, timer.minute)
        day = phrases.when(timer, self._timers.clocks.local(), words)
        return self._with_warning(order, phrases.reminder_at.format(time=time, day=day, text=text))

    def _command_at_time(self, order: TimerOrder) -> str:
        phrases, words = timer_phrases_for(order.language)
        command = order.text("conversation_command")
        timer = self._at_time_of_day(order, TimerKind.COMMAND, command)
        if timer is None or command is None:
            return phrases.no_duration
        if refusal := self._refusal(order, 0.0, command):
            return refusal
        self._timers.start(timer)
        return self._with_warning(order, phrases.alarms.format(list=phrases.what(timer, words)))

    def _at_time_of_day(
        self, order: TimerOrder, kind: TimerKind, text: str | None = None
    ) -> Timer | None:
        """The entry that an order sets for a time of day; None if it has no time."""
        clocks = self._timers.clocks
        _, words = timer_phrases_for(order.language)
        said = hours_of(order.slots, twelve_hours=bool(words.halves[0]))
        if said is None:
            return None
        hours, minute = said
        days = repeated_days(order.slots)
        day = () if days else one_day(order.slots, clocks.local().weekday())
        dues: dict[int, Moment] = {
            hour: clocks.next_time_of_day(hour, minute, days or day) for hour in hours
        }
        # "Seven" is the next seven o'clock, but on other days it is in the morning.
        hour = hours[0] if days or day else min(dues, key=lambda one: dues[one].unix_s)
        return Timer(
            id=order.id,
            kind=kind,
            due=dues[hour],
            area=order.area,
            text=text,
            by_voice=order.by_voice,
            hour=hour,
            minute=minute,
            days=days,
            on_one_day=bool(day),
        )

    def _with_warning(self, order: TimerOrder, answer: str) -> str:
        """Say so if the clock, which an alarm needs, may be wrong."""
        if self._timers.clocks.is_synced() is not False:
            return answer
        return f"{answer} {timer_phrases_for(order.language)[0].clock_unset}"

    def _cancel_kind(self, order: TimerOrder) -> str:
        phrases, words = timer_phrases_for(order.language)
        alarm = order.intent.name == "AlarmCancel"
        said = hours_of(order.slots, twelve_hours=bool(words.halves[0]))
        hours, minute = said or (None, None)
        query = Query(
            kinds=(TimerKind.ALARM if alarm else TimerKind.REMINDER,), hours=hours, minute=minute
        )
        none = phrases.no_alarm if alarm else phrases.no_reminder
        done = phrases.alarm_cancelled if alarm else phrases.reminder_cancelled
        return self._with_one(order, query, TimerPhase.RINGING, self._timers.cancel, none) or done

    def _list(self, order: TimerOrder) -> str:
        phrases, words = timer_phrases_for(order.language)
        alarms = order.intent.name == "AlarmStatus"
        kinds = (TimerKind.ALARM,) if alarms else (TimerKind.REMINDER, TimerKind.COMMAND)
        found = self._matching(Query(kinds=kinds))
        if not found:
            return phrases.no_alarm if alarms else phrases.no_reminder
        return phrases.alarms.format(list=phrases.joined(found, words))

    def _snooze(self, order: TimerOrder) -> str:
        phrases, words = timer_phrases_for(order.language)
        ringing, last = self._timers.ringing(), self.last_rung
        if not ringing and last is not None and self._timers.rang_for_s(last) < SNOOZABLE_S:
            ringing = [last]
        if not ringing:
            return phrases.nothing_rings
        seconds = duration_of(order.slots) or self._snooze_s
        if seconds > LONGEST_S:
            return phrases.too_long
        for timer in ringing:
            self._timers.snooze(timer, seconds)
        self.last_rung = None
        return phrases.snoozed.format(duration=words.duration(seconds))

    # Which one is meant.

    def _matching(self, query: Query) -> list[Timer]:
        return [timer for timer in self._timers.sorted() if query.fits(timer)]

    def _with_one(
        self,
        order: TimerOrder,
        query: Query,
        phase: TimerPhase | None,
        do: Callable[[Timer], None],
        none: str = "",
    ) -> str | None:
        """Change the one timer that is meant; if it is ambiguous, return the answer."""
        found = self._timers.find(query, phase, order.area)
        if not found:
            return none or error_response(order.language, "timer_not_found")
        if len(found) > 1:
            phrases, words = timer_phrases_for(order.language)
            return phrases.which.format(list=phrases.joined(found, words, choice=True))
        do(found[0])
        return None


def _query(order: TimerOrder) -> Query:
    return Query(
        name=order.text("name"),
        area=order.text("area"),
        duration_s=duration_of(order.slots, "start_"),
    )


def _said(order: TimerOrder, key: str = "default") -> str:
    """Home Assistant's response; it compares numbers as texts."""
    slots = {name: str(value) for name, value in order.slots.items()}
    return response(order.language, order.intent.name, key, slots=slots)


def _split(seconds: int) -> tuple[int, int, int]:
    minutes, second = divmod(seconds, 60)
    return minutes // 60, minutes % 60, second
