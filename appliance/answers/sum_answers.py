"""Answers sums, conversions of units and numbers of days."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from appliance.answers import arithmetic
from appliance.answers.answer_phrases import answer_phrases_for
from appliance.values import Action

if TYPE_CHECKING:
    from appliance.values import Result


class SumAnswers:
    """Answers intents with sums. It has no state. Any thread."""

    def handle_intent(self, result: Result) -> Action | None:
        """Answer a sum; None if the intent is another one."""
        if result.intent is None:
            return None
        slots = result.intent.slots
        match result.intent.name:
            case "Calculate":
                return Action(answer=_sum(result.language, slots))
            case "ConvertUnits":
                return Action(answer=_conversion(result.language, slots))
            case "DaysUntil":
                return Action(answer=_days(result.language, slots))
        return None


def _sum(language: str, slots: dict[str, Any]) -> str:
    left, right = Fraction(str(slots["left"])), Fraction(str(slots["right"]))
    value = arithmetic.calculate(left, str(slots["operation"]), right)
    if value is None:
        return answer_phrases_for(language).division_by_zero
    return _said(language, value)


def _conversion(language: str, slots: dict[str, Any]) -> str:
    target = str(slots["to"])
    value = arithmetic.convert(Fraction(str(slots["value"])), str(slots["from"]), target)
    if value is None:
        return answer_phrases_for(language).other_units
    return _said(language, value, target)


def _said(language: str, value: Fraction, unit: str = "") -> str:
    phrases = answer_phrases_for(language)
    text, rounded = arithmetic.written(value, phrases.decimal_point)
    return (phrases.about if rounded else phrases.number).format(value=f"{text} {unit}".strip())


def _days(language: str, slots: dict[str, Any]) -> str:
    phrases, today = answer_phrases_for(language), datetime.now().astimezone().date()
    days = arithmetic.days_until(today, int(slots["month"]), int(slots["day_of_month"]))
    return phrases.no_date if days is None else phrases.days_until.format(days=days)
