"""Two models decode the same sound: when the second is asked, and how their scores are fused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from support.fake_whisper import VOCABULARY, FakeWhisper, grammar, spelled

from appliance.decoding.search_types import SearchEffort
from appliance.decoding.sentence_recogniser import RejectionLimits, SentenceRecogniser
from appliance.decoding.sentence_search import score_texts
from appliance.decoding.two_model_fusion import ModelOpinion, ScoreFusion, fused

LAMPS = grammar("turn (on|off) the {thing}", lists={"thing": {"values": ["lamp", "light"]}})
WALK = LAMPS.walk(VOCABULARY)

SURE_LAMP = [{" Turn": 0.0}, {" on": 0.0}, {" the": 0.0}, {" lamp": 0.0}]
NOISE = {" milk": -0.1, " bread": -0.1, " set": -0.1, " add": -0.1, " lap": -0.1}
MAYBE_OFF = [
    {**NOISE, **heard}
    for heard in ({" Turn": 0.0}, {" off": 0.0, " on": -0.6}, {" the": 0.0}, {" lamp": 0.0})
]
DEAF_TO_OFF = [{" Turn": 0.0}, {" on": 0.0, " off": -11.0}, {" the": 0.0}, {" lamp": 0.0}]
ON_OR_OFF = [{" Turn": 0.0}, {" on": -2.5, " off": 0.0}, {" the": 0.0}, {" lamp": 0.0}]


def opinion(heard: list[dict[str, float]]) -> ModelOpinion:
    model = FakeWhisper(heard)
    return ModelOpinion.of(model, WALK, SearchEffort())


@dataclass
class FakeEncodedAudio(FakeWhisper):
    """A model that heard something, as it is asked to understand it."""

    silent: bool = False
    seconds: float = 1.0
    no_speech: float | None = 0.0


@dataclass
class TwoFakeWhispers:
    """Two models, and how often the second was asked."""

    first: list[dict[str, float]]
    second: list[dict[str, float]]
    asked: int = field(default=0)

    def again(self) -> FakeEncodedAudio:
        self.asked += 1
        return FakeEncodedAudio(self.second)


HOW = SentenceRecogniser(vocabulary=VOCABULARY, spell=lambda tokens: spelled(tuple(tokens)))
BOTH = replace(
    HOW, fusion=ScoreFusion(vocabulary=VOCABULARY), limits=RejectionLimits(second_model_below=0.99)
)


def best_of(first: list[dict[str, float]], second: list[dict[str, float]]) -> str:
    [best, *_] = fused(opinion(first), opinion(second)).candidates
    return spelled(best.tokens).casefold()


def test_the_surer_of_two_models_has_its_way() -> None:
    milk = [
        {" Turn": 0.0},
        {" milk": 0.0, " off": -0.5, " on": -0.6},
        {" the": 0.0},
        {" lamp": 0.0},
    ]
    assert best_of(MAYBE_OFF, SURE_LAMP) == "turn on the lamp"
    assert best_of(SURE_LAMP, milk) == "turn on the lamp"


def test_the_first_which_was_in_doubt_counts_for_less() -> None:
    off = [{" Turn": 0.0}, {" off": 0.0}, {" the": 0.0}, {" lamp": 0.0}]
    assert best_of(SURE_LAMP, off) == "turn off the lamp"
    assert best_of(off, SURE_LAMP) == "turn on the lamp"


def test_one_model_that_is_certain_against_a_sentence_does_not_rule_it_out() -> None:
    found = fused(opinion(DEAF_TO_OFF), opinion(ON_OR_OFF))
    standing = {spelled(one.tokens).casefold(): one.rank_score for one in found.candidates}
    ours = opinion(DEAF_TO_OFF)
    alone = {
        spelled(one.tokens).casefold(): one.score
        for one in score_texts(ours.scorer, WALK, ours.effort, ours.decoding, standing).candidates
    }
    on, off = "turn on the lamp", "turn off the lamp"
    assert standing[on] - standing[off] < (alone[on] - alone[off]) / 2


def test_a_sentence_that_only_one_of_them_came_upon_is_put_to_the_other() -> None:
    ours = opinion(SURE_LAMP)
    missing = score_texts(ours.scorer, WALK, ours.effort, ours.decoding, ["turn off the light"])
    texts = {spelled(one.tokens).casefold() for one in missing.candidates}
    assert "turn off the light" in texts - {
        spelled(one.tokens).casefold() for one in ours.decoding.candidates
    }
    assert missing.calls == ours.decoding.calls + 1


def test_what_cannot_be_spelled_is_left_out() -> None:
    ours = opinion(SURE_LAMP)
    found = score_texts(ours.scorer, WALK, ours.effort, ours.decoding, ["turn on the wok"])
    assert found == ours.decoding


def test_the_same_two_opinions_make_the_same_result() -> None:
    found = [fused(opinion(MAYBE_OFF), opinion(ON_OR_OFF)) for _ in range(2)]
    assert found[0] == found[1]


@pytest.mark.parametrize(("heard", "asked"), [(SURE_LAMP, 0), (MAYBE_OFF, 1)])
def test_the_second_model_is_asked_where_the_first_is_in_doubt_and_only_there(
    heard: list[dict[str, float]], asked: int
) -> None:
    models = TwoFakeWhispers(heard, SURE_LAMP)
    found = BOTH.recognise(FakeEncodedAudio(heard), LAMPS, models.again)
    assert (models.asked, found.models_asked) == (asked, 1 + asked)
    assert found.text.casefold() == "turn on the lamp"


def test_other_speech_is_refused_without_asking_again() -> None:
    models = TwoFakeWhispers([{" bread": 0.0}, {" milk": 0.0}, {" bread": 0.0}], SURE_LAMP)
    found = BOTH.recognise(FakeEncodedAudio(models.first), LAMPS, models.again)
    assert (found.refused, models.asked) == ("no_sentence", 0)


def test_a_sentence_of_which_only_the_second_heard_enough_is_understood() -> None:
    # Spelled not unlike "turn on the lamp", and likelier than any sentence by far.
    mumbled = [{" Turn": -9.0, " bread": 0.0}, {" on": 0.0}, {" the": 0.0}, {" lap": 0.0}]
    models = TwoFakeWhispers(mumbled, SURE_LAMP)
    alone = HOW.recognise(FakeEncodedAudio(mumbled), LAMPS)
    both = BOTH.recognise(FakeEncodedAudio(mumbled), LAMPS, models.again)
    assert (alone.refused, alone.distance <= BOTH.limits.second_model_distance) == (
        "no_sentence",
        True,
    )
    assert (both.models_asked, both.text.casefold()) == (2, "turn on the lamp")


def test_two_that_do_not_agree_are_less_sure_than_two_that_do() -> None:
    doubting = replace(BOTH, limits=RejectionLimits(second_model_below=1.0))
    agree = doubting.recognise(
        FakeEncodedAudio(SURE_LAMP), LAMPS, lambda: FakeEncodedAudio(SURE_LAMP)
    )
    other = [{" Turn": 0.0}, {" on": 0.0}, {" the": 0.0}, {" light": 0.0}]
    differ = doubting.recognise(FakeEncodedAudio(SURE_LAMP), LAMPS, lambda: FakeEncodedAudio(other))
    assert agree.models_asked == differ.models_asked == 2
    assert differ.confidence < agree.confidence


def test_no_speech_is_reported_only_if_both_models_agree() -> None:
    doubting = replace(BOTH, limits=RejectionLimits(second_model_below=1.0))
    found = doubting.recognise(
        FakeEncodedAudio(SURE_LAMP, no_speech=0.1),
        LAMPS,
        lambda: FakeEncodedAudio(SURE_LAMP, no_speech=0.9),
    )
    assert found.refused is None
