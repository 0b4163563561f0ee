"""Sentences whose letters have no token of their own, as a model writes them: byte by byte."""

from __future__ import annotations

import pytest
from support.sentences import intents_of

from appliance.grammar.grammar import Grammar
from appliance.grammar.lazy_automaton import DEAD
from appliance.grammar.token_mask import TokenVocabulary, TokenWalk
from appliance.text.unicode_bytes import decoded

TEXTS = [
    " ",
    " l",
    "a",
    " " + decoded("ђ".encode()[:1]),
    decoded("ђ".encode()[1:]),
    decoded("ђ".encode()[1:] + "ж".encode()[:1]),
    decoded("ж".encode()[1:]),
    " " + decoded("Ђ".encode()[:1]),
    decoded("Ђ".encode()[1:]),
    "ж",
    ".",
    decoded("灯".encode()[:2]),
    decoded("灯".encode()[2:]),
]
VOCABULARY = TokenVocabulary.of([*TEXTS, None], len(TEXTS))


def walk(*sentences: str) -> TokenWalk:
    return Grammar.of(intents_of({"Say": sentences})).walk(VOCABULARY)


def follow(asked: TokenWalk, tokens: tuple[int, ...]) -> int:
    """The state after the tokens, each of which must be among the choices."""
    state = asked.automaton.start
    for token in tokens:
        if token not in asked.choices(state).ids:
            return DEAD
        state = asked.step(state, token)
    return state


@pytest.mark.parametrize("tokens", [(3, 4, 9), (3, 5, 6), (7, 8, 9, 10)])
def test_a_letter_may_come_in_bytes_of_several_tokens(tokens: tuple[int, ...]) -> None:
    asked = walk("ђж")
    state = follow(asked, tokens)
    assert state != DEAD
    assert asked.automaton.accepts(state)
    assert VOCABULARY.normalised_text(tokens) == "ђж"


def test_nothing_ends_inside_a_letter_and_no_other_byte_follows() -> None:
    asked = walk("ђж")
    begun = follow(asked, (3,))
    assert begun != DEAD
    assert not asked.automaton.accepts(begun)
    assert set(asked.choices(begun).ids.tolist()) == {4, 5}
    assert asked.step(begun, 10) == DEAD
    assert asked.step(begun, 9) == DEAD
    assert follow(asked, (3, 6)) == DEAD


def test_letters_of_which_no_sentence_has_the_first_byte_are_not_begun() -> None:
    assert follow(walk("la"), (3,)) == DEAD
    assert follow(walk("la"), (1, 2)) != DEAD


@pytest.mark.parametrize(("text", "tokens"), [("ђж", (3, 5, 6)), ("灯", (11, 12)), ("la", (1, 2))])
def test_a_sentence_is_spelled_in_the_fewest_tokens(text: str, tokens: tuple[int, ...]) -> None:
    found = VOCABULARY.tokens_of(text, {})
    assert len(found) == len(tokens)
    assert VOCABULARY.normalised_text(found) == text
    state = follow(walk(text), found)
    assert state != DEAD


def test_a_word_that_no_token_begins_with_its_space_stands_after_one() -> None:
    assert VOCABULARY.tokens_of("la 灯", {}) == (1, 2, 0, 11, 12)


def test_an_unfinished_letter_is_no_part_of_a_text() -> None:
    assert VOCABULARY.normalised_text((1, 2, 3)) == "la"
