"""A new sentence that means something already is noticed before it takes that over."""

from __future__ import annotations

import pytest
from support.sentences import sentence_set

from appliance.sentences import sentence_fit
from appliance.sentences.sentence_fit import LONGEST, fit_of, other_meaning

DECLARED = {"Timer": "set a timer for {minutes} minutes", "Light": "(turn|switch) on the light"}
LISTS = {"minutes": {"range": {"from": 1, "to": 30}}}


@pytest.mark.parametrize(
    ("template", "intent", "found"),
    [
        ("set a timer for 5 minutes", "Mine", "Timer"),
        ("[please] switch on the (lamp|light)", "Mine", "Light"),
        ("set a timer for {minutes} minutes", "Mine", "Timer"),
        ("set a timer for 5 minutes", "Timer", ""),
        ("switch on the lamp", "Mine", ""),
        ("switch on the (lamp", "Mine", ""),
        ("switch on the {nothing}", "Mine", ""),
        ("<nothing>", "Mine", ""),
    ],
)
def test_a_template_that_takes_over_a_declared_sentence_is_found(
    template: str, intent: str, found: str
) -> None:
    taken = other_meaning(sentence_set(DECLARED, lists=LISTS), template, intent)
    assert ("" if taken is None else taken.intents[0].name) == found


def test_near_sentences_are_looked_up_for_short_texts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = sentence_set({**DECLARED, "Long": "lamp" + " on" * LONGEST}, lists=LISTS)
    assert fit_of(declared, "switch on the lihgt").nearest[0] == "switch on the light"
    monkeypatch.setattr(sentence_fit, "nearest", None)
    assert fit_of(declared, "lamp" * LONGEST).nearest == ()
    assert fit_of(declared, "lamp" + " on" * LONGEST).intents[0].name == "Long"
