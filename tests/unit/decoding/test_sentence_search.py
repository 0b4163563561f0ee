"""The constrained search, on a model of a few words that says what it is told to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from support.fake_whisper import END, TEXTS, VOCABULARY, FakeWhisper, grammar, spelled

from appliance.decoding.search_types import SearchEffort, Tokens
from appliance.decoding.sentence_search import (
    decode,
    likeliest_tokens,
    score_texts,
    without_repetition,
)
from appliance.grammar.grammar import Grammar


def best(model: FakeWhisper, made: Grammar, effort: SearchEffort | None = None) -> str | None:
    found = decode(model, made.walk(VOCABULARY), effort).candidates
    return spelled(found[0].tokens).casefold() if found else None


LAMP = grammar("turn (on|off) [the] (lamp|light)")


def test_what_is_allowed_and_clear_costs_one_call() -> None:
    model = FakeWhisper([{" Turn": 0.0}, {" on": 0.0}, {" the": 0.0}, {" lamp": 0.0}, {".": 0.0}])
    found = decode(model, LAMP.walk(VOCABULARY))
    assert spelled(found.candidates[0].tokens) == "Turn on the lamp."
    assert (found.calls, len(model.asked)) == (1, 1)
    assert found.free.tokens == found.candidates[0].tokens


def test_a_word_outside_the_grammar_becomes_the_likeliest_inside() -> None:
    model = FakeWhisper(
        [{" turn": 0.0}, {" on": 0.0}, {" the": 0.0}, {" lap": 0.0, " light": -3.0, " lamp": -2.0}]
    )
    assert best(model, LAMP) == "turn on the lamp"


def test_another_way_to_cut_a_word_is_found() -> None:
    model = FakeWhisper(
        [{" turn": 0.0}, {" on": 0.0}, {" the": 0.0}, {" lap": 0.0, " l": -1.0}, {"amp": 0.0}]
    )
    assert best(model, LAMP) == "turn on the lamp"


def test_the_end_is_scored_too() -> None:
    made = grammar("turn on [the light]")
    short = FakeWhisper([{" turn": 0.0}, {" on": 0.0}, {"": 0.0, " the": -1.0}, {" light": 0.0}])
    long = FakeWhisper([{" turn": 0.0}, {" on": 0.0}, {"": -9.0, " the": 0.0}, {" light": 0.0}])
    assert best(short, made) == "turn on"
    assert best(long, made) == "turn on the light"


def test_a_late_doubt_may_overturn_an_early_choice() -> None:
    made = grammar("set the lamp", "turn on the light")
    model = FakeWhisper(
        [
            {" set": 0.0, " turn": -0.5},
            {" on": 0.0, " the": -4.0},
            {" the": 0.0, " lamp": -4.0},
            {" light": 0.0},
        ]
    )
    assert best(model, made) == "turn on the light"


def test_the_beam_search_finds_what_an_exhaustive_search_finds() -> None:
    made = grammar("(turn|set|add) (on|off|to) [the] (lamp|light|milk|bread)")
    rng = np.random.default_rng(7)
    for _ in range(20):
        heard = [{text: float(rng.normal(0, 3)) for text in [*TEXTS, ""]} for _ in range(5)]
        model = FakeWhisper(heard)
        scores = {}
        for words in itertools.product(
            (" turn", " Turn", " set", " add"),
            (" on", " off", " to"),
            ("", " the"),
            (" lamp", " light", " milk", " bread"),
        ):
            text = [word for word in words if word]
            rows = [model.row(i) for i in range(len(text) + 1)]
            ids = [*(TEXTS.index(word) for word in text), END]
            scores["".join(text).strip()] = sum(
                float(row[i] - np.log(np.exp(row).sum())) for row, i in zip(rows, ids, strict=True)
            )
        expected = max(scores.values())
        patient = SearchEffort(
            max_calls=400,
            remaining_letter_nats=0.0,
            omitted_letter_nats=0.0,
            spelling_nats=0.0,
            hopeless_nats_per_token=99.0,
            max_distance=99.0,
            max_branches=99,
            max_branch_loss_nats=99.0,
        )
        found = decode(model, made.walk(VOCABULARY), patient).candidates[0]
        assert found.best_spelling_score >= expected - 1e-3


def test_a_wildcard_takes_what_the_model_says() -> None:
    made = grammar("add {item} to the light", lists={"item": {"wildcard": True}})
    model = FakeWhisper(
        [
            {" add": 0.0},
            {" bread": 0.0},
            {" milk": 0.0},
            {" to": 0.0},
            {" the": 0.0},
            {" lap": 0.0, " light": -1.0},
        ]
    )
    assert best(model, made) == "add bread milk to the light"


def test_a_wildcard_at_the_start_is_decoded() -> None:
    made = grammar("{item} on", lists={"item": {"wildcard": True}})
    model = FakeWhisper([{" milk": 0.0}, {" bread": 0.0}, {" on": 0.0}])
    assert best(model, made) == "milk bread on"


def test_the_same_sound_gives_the_same_result() -> None:
    rng = np.random.default_rng(1)
    heard = [{text: float(rng.normal(0, 1)) for text in [*TEXTS, ""]} for _ in range(6)]
    results = {repr(decode(FakeWhisper(heard), LAMP.walk(VOCABULARY)).candidates) for _ in range(3)}
    assert len(results) == 1


def test_the_search_ends_when_its_calls_are_spent() -> None:
    model = FakeWhisper([{" lap": 0.0}] * 40, unlikely=-3.0)
    found = decode(model, LAMP.walk(VOCABULARY), SearchEffort(max_calls=5))
    assert found.calls <= 5
    assert len(model.asked) == found.calls


def test_a_loop_of_the_model_ends_at_the_limit() -> None:
    made = grammar("add {item}", lists={"item": {"wildcard": True}})
    model = FakeWhisper([{" add": 0.0}, *({" milk": 0.0} for _ in range(500))])
    found = decode(model, made.walk(VOCABULARY), SearchEffort(max_tokens=20, max_calls=3))
    assert all(len(one.tokens) <= 21 for one in found.candidates)


@pytest.mark.parametrize("text", ["turn", "turn on the", "the lamp"])
def test_half_a_sentence_is_not_accepted(text: str) -> None:
    assert not LAMP.allows(text)


def test_free_text_that_repeats_itself_counts_once() -> None:
    assert without_repetition((1, 2, 3, 4, 1, 2, 3, 4, 1, 2)) == (1, 2, 3, 4)
    assert without_repetition((1, 2, 3, 4)) == (1, 2, 3, 4)
    assert without_repetition((5, 5, 7)) == (5, 5, 7)
    assert without_repetition((5, 5)) == (5, 5)
    assert without_repetition((5, 5, 5)) == (5,)
    assert without_repetition((5, 6, 5, 6, 5, 6)) == (5, 6)
    assert without_repetition((5, 6, 5, 6)) == (5, 6, 5, 6)
    heard = [{" turn": 0.0}, {" on": 0.0}, {" lamp": 0.0}] * 4
    found = decode(FakeWhisper(heard), grammar("turn on lamp").walk(VOCABULARY))
    assert spelled(found.free.tokens) == "turn on lamp"


def test_words_that_were_heard_are_not_left_out() -> None:
    made = grammar("turn on [the light]")
    model = FakeWhisper(
        [{" turn": 0.0}, {" on": 0.0}, {"": -0.5, " the": 0.0}, {" lap": 0.0, " light": -1.5}]
    )
    assert best(model, made, SearchEffort(omitted_letter_nats=0.0, spelling_nats=0.0)) == "turn on"
    assert (
        best(model, made, SearchEffort(omitted_letter_nats=0.3, spelling_nats=0.0))
        == "turn on the light"
    )


def test_speech_that_is_spelled_like_no_sentence_costs_one_call() -> None:
    model = FakeWhisper([{" bread": 0.0}, {" milk": 0.0}, {" bread": 0.0}, {" milk": 0.0}])
    found = decode(model, LAMP.walk(VOCABULARY))
    assert (found.candidates, found.calls) == ((), 1)


def test_a_sentence_is_found_by_its_end_where_its_beginning_was_misheard() -> None:
    made = grammar("(set|add) on the lamp to bread", "turn off [the] light")
    heard = [
        {" turn": 0.0, " set": -6.0, " add": -7.0},
        {" on": 0.0, " off": -0.1},
        {" the": 0.0},
        {" lamp": 0.0, " light": -0.2},
        {" to": 0.0},
        {" bread": 0.0},
    ]
    hasty = SearchEffort(max_calls=3, first_pass_calls=1, max_branches=1)
    assert best(FakeWhisper(heard), made, hasty) == "set on the lamp to bread"


def test_half_a_sentence_scores_no_better_than_the_whole() -> None:
    effort = SearchEffort(spelling_nats=0.0)
    heard, said = "turn on the lampe and the fan", "turn on the lamp and the fan"
    whole, half = -30.0, -16.0
    assert half - effort.spelling_penalty(heard, said[:14], half) < whole - effort.spelling_penalty(
        heard, said, whole
    )
    assert (
        SearchEffort(omitted_letter_nats=0.0, spelling_nats=0.0).spelling_penalty(
            heard, said[:14], half
        )
        == 0.0
    )


def test_a_sentence_that_sounds_like_what_was_heard_goes_before_another() -> None:
    effort, heard = SearchEffort(), "a dark rose ice mocove"
    alike = effort.spelling_penalty(heard, "a dark roast iced mocha", -20.0)
    assert alike < effort.spelling_penalty(heard, "a dark roast cappuccino", -20.0)
    assert effort.spelling_penalty(heard, heard, -20.0) == 0.0


def test_a_sentence_that_the_model_says_again_is_said_once_and_costs_one_call() -> None:
    made = grammar("turn on the lamp [{rest}]", lists={"rest": {"wildcard": True}})
    words = (" turn", " on", " the", " lamp")
    model = FakeWhisper(
        [{words[at % 4]: 0.0, **({"": -0.5} if at in (4, 8) else {})} for at in range(12)]
    )
    found = decode(model, made.walk(VOCABULARY))
    assert spelled(found.candidates[0].tokens) == "turn on the lamp"
    assert found.calls == 1
    assert found.candidates[0].score > -0.1


def test_words_that_go_on_alike_are_told_apart_by_how_likely_each_is() -> None:
    model = FakeWhisper(
        [{" turn": 0.0}, {" on": 0.0, " off": -4.0}, {" the": 0.0}, {" lamp": 0.0, " light": -3.0}]
    )
    walk = LAMP.walk(VOCABULARY)
    found = score_texts(
        model,
        walk,
        SearchEffort(spelling_nats=0.0, omitted_letter_nats=0.0),
        decode(model, walk),
        ["turn off the lamp", "turn on the light", "turn off the light"],
    )
    scores = {spelled(one.tokens).casefold(): one.score for one in found.candidates}
    on = scores["turn on the lamp"]
    assert scores["turn off the lamp"] == pytest.approx(on - 4.0, abs=0.01)
    assert scores["turn on the light"] == pytest.approx(on - 3.0, abs=0.01)
    assert scores["turn off the light"] == pytest.approx(on - 7.0, abs=0.01)


def test_ways_to_write_a_word_count_together() -> None:
    once = FakeWhisper([{" turn": 0.0}, {" on": 0.0}, {" the": 0.0}, {" lamp": 0.0}])
    twice = FakeWhisper([{" turn": 0.0, " Turn": 0.0}, {" on": 0.0}, {" the": 0.0}, {" lamp": 0.0}])
    scores = [decode(model, LAMP.walk(VOCABULARY)).candidates[0].score for model in (once, twice)]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)


def test_a_sentence_is_looked_up_also_if_the_model_finds_every_branch_hopeless() -> None:
    made = grammar("add milk to the light", "turn off the lamp")
    model = FakeWhisper(
        [
            {" add": 0.0},
            {" lap": 0.0, " milk": -9.0},
            {" to": 0.0},
            {" the": 0.0},
            {" light": 0.0},
        ],
        unlikely=-30.0,
    )
    effort = SearchEffort(hopeless_nats_per_token=2.0)
    assert best(model, made, effort) == "add milk to the light"
    assert best(model, made, replace(effort, max_distance=0.0)) is None


def test_sentences_that_the_free_text_rules_out_are_not_scored() -> None:
    @dataclass
    class CountingWhisper(FakeWhisper):
        scored: list[str] = field(default_factory=list)

        def likelihoods(self, texts: Sequence[Tokens]) -> list[float]:
            self.scored += [spelled(text).casefold() for text in texts]
            return super().likelihoods(texts)

    made = grammar("turn on the lamp to bread", "(turn off|set on|add on) the lamp to bread")
    heard = [
        {" turn": 0.0},
        {" on": 0.0, " off": -9.0},
        {" the": 0.0},
        {" lap": 0.0, " lamp": -3.5},
        {" to": 0.0},
        {" bread": 0.0},
    ]
    model = CountingWhisper(heard, unlikely=-25.0)
    found = decode(model, made.walk(VOCABULARY), SearchEffort(texts_per_pass=1))
    assert spelled(found.candidates[0].tokens).casefold() == "turn on the lamp to bread"
    assert model.scored == ["turn on the lamp to bread"]


@pytest.mark.parametrize("spread", [0.1, 3.0, 30.0])
def test_the_likeliest_tokens_are_those_of_the_whole_vocabulary(spread: float) -> None:
    row = np.random.default_rng(0).normal(scale=spread, size=5000).astype(np.float32)
    assert likeliest_tokens(row, 24).tolist() == sorted(np.argsort(-row)[:24].tolist())
