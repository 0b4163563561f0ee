"""The automaton accepts exactly the sentences that the templates list."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hassil import Intents
from hassil.sample import sample_intents
from support.sentences import intents_of

from appliance.grammar.grammar import Grammar
from appliance.grammar.lazy_automaton import DEAD

RULES: dict[str, Any] = {
    "expansion_rules": {
        "please": "[please]",
        "polite": "<please>[ now]",
        "light": "[the] ({color};lamp)",
        "both": "<light> [and <light>]",
        "nothing": "[[<please>]]",
    },
    "lists": {
        "color": {"values": ["red", "re[a]d", "dark red", {"in": "[very] blue", "out": "blue"}]},
        "n": {"range": {"from": 1, "to": 3}},
    },
}


def intents(*sentences: str) -> Intents:
    return intents_of({"Say": sentences}, **RULES)


@pytest.mark.parametrize(
    "sentences",
    [
        ["turn on <both> <polite>", "turn <light> on", "turn off <both>"],
        ["<polite> lamp <polite>", "<polite> <nothing> <please> fan", "<nothing> <both>"],
        ["({color};{n};<please>) lamp", "{color} {n}", "<light> <light>"],
    ],
)
def test_every_sentence_is_accepted_and_none_of_its_prefixes_is_dead(sentences: list[str]) -> None:
    made = Grammar.of(intents(*sentences))
    said = {" ".join(text.split()) for _, text in sample_intents(intents(*sentences))}
    for text in said:
        state = made.automaton.walk(made.automaton.start, text)
        assert state != DEAD
        assert made.automaton.accepts(state), text
        assert made.readings(text), text


def test_every_prefix_that_is_not_dead_leads_to_a_sentence() -> None:
    """Every way through letters that are offered ends in a text that can be read."""
    made = Grammar.of(intents("turn on <light> <polite>", "<nothing> turn <light> on"))
    walker, todo, accepted = made.automaton, [(0, "")], 0
    while todo:
        state, text = todo.pop()
        if walker.accepts(state):
            accepted += 1
            assert made.readings(text), text
        letters = [char for char in walker.letters(state) if (char, text[-1:]) != (" ", " ")]
        steps = [(walker.step(state, char), text + char) for char in letters]
        steps = [step for step in steps if step[0] != DEAD]
        assert steps or walker.accepts(state), text
        todo += steps
    assert accepted > 50


def test_one_list_in_many_sentences_is_walked_once() -> None:
    """Each sentence goes on in its own way behind a name, and the name costs no more for that."""
    places = []
    for count in (2, 8):
        starts = ["".join(word) for word in itertools.product("ab", repeat=3)][:count]
        made = Grammar.of(
            intents_of(
                {"Say": [f"go {{name}} {x}" for x in starts]},
                lists={"name": {"values": ["north", "nowhere"]}},
            )
        )
        state = made.automaton.walk(made.automaton.start, "go no")
        places.append(made.automaton.places(state))
        for x in starts:
            assert made.allows(f"go nowhere {x}")
        assert not made.allows("go nowhere ccc")
    assert places == [1, 1]
