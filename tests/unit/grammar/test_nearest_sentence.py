"""The nearest sentences to a text, and the tokens that spell a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hassil import Intents
from support.sentences import intents_of

from appliance.decoding.spelling_candidates import spelled_words
from appliance.grammar.grammar import Grammar
from appliance.grammar.lazy_automaton import DEAD, Automaton
from appliance.grammar.nearest_sentence import nearest, spelling_distance
from appliance.grammar.token_mask import TokenVocabulary
from appliance.text.normalise import normalise


def texts(made: Grammar, heard: str, most: int = 3) -> list[str]:
    return [near.text for near in nearest(made.automaton, heard, limit=most, beam=96)]


def grammar(*sentences: str, **parts: Any) -> Grammar:
    data = [{"sentences": list(sentences)}]
    return Grammar.of(
        Intents.from_dict({"language": "en", "intents": {"Say": {"data": data}}, **parts})
    )


HOME = grammar("turn (on|off) [the] (lamp|kitchen light|heater)", "what time is it")


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("Turn on the lamp.", "turn on the lamp"),
        ("Turn off the lump", "turn off the lamp"),
        ("turnon the kit chen light", "turn on the kitchen light"),
        ("Earn of the heat her", "turn off the heater"),
        ("what dime is", "what time is it"),
    ],
)
def test_the_nearest_sentence_is_the_one_that_sounds_alike(heard: str, meant: str) -> None:
    assert texts(HOME, heard)[0] == meant


def test_the_nearest_sentence_comes_first_and_none_comes_twice() -> None:
    found = nearest(HOME.automaton, "turn on the lump", limit=5, beam=96)
    assert [near.distance for near in found] == sorted(near.distance for near in found)
    assert len({near.text for near in found}) == len(found) > 1


def test_a_sentence_is_at_no_distance_from_itself_and_far_from_other_speech() -> None:
    [same, *_] = nearest(HOME.automaton, "What time is it?", limit=1, beam=96)
    assert same.distance == 0.0
    other = nearest(HOME.automaton, "we walked along the river", limit=1, beam=96)
    assert not other or other[0].distance > 0.35


def test_words_of_a_wildcard_do_not_count_as_evidence() -> None:
    made = grammar("play {what} loudly", lists={"what": {"wildcard": True}})
    [near, *_] = nearest(made.automaton, "play yellow submarine loudly", limit=1, beam=96)
    assert near.text == "play yellow submarine loudly"
    assert near.distance == pytest.approx(0.0)
    [near, *_] = nearest(made.automaton, "stop yellow submarine badly", limit=1, beam=96)
    assert near.distance > 0.3


def test_the_distance_of_two_texts_ignores_what_nobody_speaks() -> None:
    assert spelling_distance(normalise("Turn on, the lamp!"), "turn on the lamp") == 0.0
    assert (
        spelling_distance("lamp", "lump")
        < spelling_distance("lamp", "last")
        < spelling_distance("lamp", "light")
    )


def test_words_keep_the_tokens_of_the_model_and_others_get_the_fewest() -> None:
    pieces = [" turn", " on", " la", "mp", " l", "a", "m", "p", " ", "on", " lam"]
    vocabulary = TokenVocabulary.of([*pieces, None], len(pieces))
    spell = [pieces.index(piece) for piece in (" turn", " on")]
    assert vocabulary.tokens_of("turn on", {}) == tuple(spell)
    assert len(vocabulary.tokens_of("lamp", {})) == 2
    assert vocabulary.tokens_of("lamp", {"lamp": (4, 5, 6, 7)}) == (4, 5, 6, 7)
    assert vocabulary.tokens_of("turn xon", {}) == ()


def test_an_apostrophe_may_be_a_token_of_its_own() -> None:
    pieces = [" wake", " at", " 7", " o", "'", "clock", "oclock", " lamp"]
    vocabulary = TokenVocabulary.of([*pieces, None], len(pieces))
    walk = grammar("wake at 7 o'clock").walk(vocabulary)
    state = walk.automaton.start
    assert walk.step(state, 4) == DEAD
    for token in (0, 1, 2, 3, 4, 5):
        assert token in walk.choices(state).ids
        state = walk.step(state, token)
        assert state != DEAD
    assert walk.automaton.accepts(state)
    assert walk.tokens_of("wake at 7 oclock", {}) == (0, 1, 2, 3, 4, 5)
    assert spelled_words((0, 3, 4, 5), walk)["oclock"] == (3, 4, 5)


def test_a_number_with_a_sign_is_not_the_number_without_it() -> None:
    assert spelling_distance("offset -5", "offset 5") > 0


def test_tokens_of_tabs_and_several_spaces_have_no_text() -> None:
    vocabulary = TokenVocabulary.of(["\t", "\n\n", " a", "  ", None], 4)
    assert vocabulary.texts[:4] == (None, None, " a", None)


def test_a_text_begins_with_a_capital_letter_if_the_model_has_a_token_for_it() -> None:
    pieces = [" set", " Set", " lamp", " on"]
    vocabulary = TokenVocabulary.of([*pieces, None], len(pieces))
    assert vocabulary.tokens_of("set lamp", {}) == (1, 2)
    assert vocabulary.tokens_of("lamp set on", {}) == (2, 0, 3)


def test_words_with_an_apostrophe_in_the_sentences_are_spelled_with_it() -> None:
    pieces = [" I", "'d", " id", " like", " tea"]
    vocabulary = TokenVocabulary.of([*pieces, None], len(pieces))
    walk = grammar("I'd like tea").walk(vocabulary)
    assert walk.tokens_of("id like tea", {}) == (0, 1, 3, 4)
    assert grammar("[my] id").walk(vocabulary).tokens_of("id", {}) == (2,)


def test_a_name_after_an_elision_is_spelled_with_its_apostrophe() -> None:
    pieces = [" ferme", " l", "'", "au", "vent", " lau", " lampe", " la"]
    vocabulary = TokenVocabulary.of([*pieces, None], len(pieces))
    made = grammar(
        "ferme (la |l'){name}", language="fr", lists={"name": {"values": ["auvent", "lampe"]}}
    )
    walk = made.walk(vocabulary)
    assert walk.tokens_of("ferme lauvent", {}) == (0, 1, 2, 3, 4)
    assert walk.tokens_of("ferme la lampe", {}) == (0, 7, 6)
    assert walk.tokens_of("ferme lauvent", {"lauvent": (5, 4)}) == (0, 5, 4)


def test_nouns_have_a_capital_in_the_languages_that_write_them_so() -> None:
    pieces = [" öffne", " das", " garage", " Garage", "tor", " Tor", "s"]
    vocabulary = TokenVocabulary.of([*pieces, None], len(pieces))

    def spelled(language: str, text: str) -> tuple[int, ...]:
        lists = {"name": {"values": ["Garage", "Tor"]}}
        made = grammar("öffne das {name}", language=language, lists=lists)
        return made.walk(vocabulary).tokens_of(text, {})

    assert spelled("de", "öffne das garage") == (0, 1, 3)
    assert spelled("nl", "öffne das garage") == (0, 1, 2)
    assert spelled("de", "öffne das garagetors") == (0, 1, 3, 4, 6)


def test_sentences_of_declared_words_are_found_beside_wildcards_that_take_any_letter() -> None:
    wild = Grammar.of(
        intents_of(
            {
                "Ask": "who is {what}",
                "Later": "{what} in ten minutes",
                "Weather": "whats the weather",
            },
            lists={"what": {"wildcard": True}},
        )
    )
    declared = Automaton(wild.network, wildcards=False)
    [best, *_] = nearest(declared, "what's the wedding", limit=4, beam=8)
    assert best.text == "whats the weather"
    assert not declared.accepts(declared.walk(declared.start, "who is the wedding"))
    assert wild.automaton.accepts(wild.automaton.walk(0, "who is the wedding"))


def test_inside_a_word_the_small_letters_are_taken_before_the_capitals() -> None:
    vocabulary = TokenVocabulary.of([" ca", "PU", "pu", None], 3)
    assert vocabulary.tokens_of("capu", {}) == (0, 2)
