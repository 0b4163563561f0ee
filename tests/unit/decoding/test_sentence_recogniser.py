"""Refusal and confidence, from what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from support.sentences import intents_of

from appliance.decoding import two_model_fusion
from appliance.decoding.calibration import (
    USUAL_PRIOR,
    Calibration,
    fit_calibration,
    under_prior,
)
from appliance.decoding.search_types import Candidate, Decoding, HeardWord
from appliance.decoding.sentence_recogniser import (
    RecognisedSentence,
    RejectionLimits,
    SentenceRecogniser,
)
from appliance.grammar.grammar import Grammar
from appliance.grammar.token_mask import TokenVocabulary


def test_confidence_grows_with_fit_and_lead_and_falls_with_the_deficit() -> None:
    weights = Calibration()
    good = weights.confidence(-0.1, 0.0, 4.0)
    assert good > 0.95
    assert weights.confidence(-0.1, 0.0, 0.3) < good
    assert weights.confidence(-0.1, 0.8, 4.0) < good
    assert weights.confidence(-1.5, 0.0, 4.0) < good
    assert weights.confidence(-2.5, 1.6, 0.5) < 0.5


def test_a_wildcard_that_takes_nearly_everything_must_be_heard_well() -> None:
    weights = Calibration()
    assert (
        weights.confidence(-0.2, 0.0, 5.0, declared_share=0.25) > 0.7
    )  # "remind me to" and the rest
    assert (
        weights.confidence(-0.9, 0.0, 5.0, declared_share=0.2) < 0.5
    )  # other speech, "in 4 hours"
    assert weights.confidence(-0.9, 0.0, 5.0) > 0.9  # all of it is declared


def test_confidence_survives_what_no_sound_gives() -> None:
    assert 0.0 <= Calibration().confidence(-1e9, 1e9, -np.inf) < 1e-6
    assert 0.0 <= Calibration().confidence(0.0, 0.0, np.inf) <= 1.0


def test_of_results_with_a_confidence_of_nine_in_ten_nine_in_ten_are_right() -> None:
    rng = np.random.default_rng(3)
    truth = Calibration(bias=2.0, fit=1.5, deficit=-2.0, margin=0.8, objection=-0.6)
    measured = [
        (
            -rng.exponential(0.5),
            rng.exponential(0.4),
            rng.uniform(0, 4),
            rng.uniform(0.3, 1.0),
            rng.exponential(1.0),
        )
        for _ in range(4000)
    ]
    right = [bool(rng.random() < truth.confidence(*one)) for one in measured]
    fitted = fit_calibration(measured, right)
    given = np.array([fitted.confidence(*one) for one in measured])
    near = (given > 0.85) & (given < 0.95)
    assert abs(np.mean(np.array(right)[near]) - 0.9) < 0.04
    assert abs(fitted.bias - truth.bias) < 0.4  # the share is weighed in the fit as in the use
    assert abs(fitted.margin - truth.margin) < 0.2
    assert abs(fitted.objection - truth.objection) < 0.2


def test_what_is_heard_after_a_wake_word_needs_less_evidence_than_in_a_room_full_of_talk() -> None:
    doubtful = 0.75
    assert under_prior(doubtful, USUAL_PRIOR) == pytest.approx(doubtful)
    assert under_prior(doubtful, 0.95) > doubtful > under_prior(doubtful, 0.5)
    assert under_prior(0.999, 0.5) > 0.9  # what is clear is understood either way
    assert under_prior(0.0, 0.9) == 0.0  # contradicted


def test_the_prior_decides_anew_what_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = understood(monkeypatch, -2.2, -99.0, -99.0)
    limits = RejectionLimits(least_confidence=found.confidence - 0.01)
    rarely = found.under_prior(0.05, limits)
    assert (rarely.refused, rarely.reading, rarely.meant) == ("unlikely", None, found.meant)
    assert found.under_prior(0.9, limits).slots == {"drink": "tea"}
    lenient = RejectionLimits(least_confidence=0.01)
    assert rarely.under_prior(0.9, lenient).slots == {"drink": "tea"}


def test_no_clips_change_nothing() -> None:
    assert fit_calibration([], []) == Calibration()


TEXTS = ("get me tea", "give me tea", "give me milk")
ORDERS = Grammar.of(
    intents_of({"Order": "(get|give) me {drink}"}, lists={"drink": {"values": ["tea", "milk"]}})
)


@dataclass
class EncodedAudioOnPaper:
    """What `decode` is given; it is the decoding that is made up here."""

    silent: bool = False
    seconds: float = 1.0
    no_speech: float | None = 0.0


def understood(
    monkeypatch: pytest.MonkeyPatch, *scores: float, free: float = -1.2
) -> RecognisedSentence:
    """Of TEXTS with these scores, -inf for one that was not tried."""
    candidates = [Candidate((n,), score, score) for n, score in enumerate(scores) if score > -99]
    decoding = Decoding(
        candidates=tuple(sorted(candidates, key=lambda one: -one.score)),
        free=Candidate((0,), free, free),
        free_text="a pot of tea",
        heard=(),
        calls=1,
        tokens=1,
    )
    monkeypatch.setattr(two_model_fusion, "decode", lambda *_: decoding)
    how = SentenceRecogniser(
        vocabulary=TokenVocabulary.of([*TEXTS, None], len(TEXTS)),
        spell=lambda tokens: " ".join(TEXTS[token] for token in tokens),
        limits=RejectionLimits(least_confidence=0.3),  # of two that are nearly as likely
    )
    return how.recognise(EncodedAudioOnPaper(), ORDERS)  # type: ignore[arg-type]


def test_several_ways_to_say_the_same_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    found = understood(monkeypatch, -2.2, -2.2, -2.0)
    assert found.slots == {"drink": "tea"}
    assert found.margin == pytest.approx(-2.2 + np.log(2) + 2.0)
    assert understood(monkeypatch, -2.2, -99.0, -2.0).slots == {"drink": "milk"}


def test_a_number_that_was_heard_clearly_is_never_replaced_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machines = Grammar.of(
        intents_of({"Stop": "stop machine {n}"}, lists={"n": {"range": {"from": 1, "to": 20}}})
    )

    def heard(score: float) -> RecognisedSentence:
        best = Candidate((0,), -0.4, -0.4)
        words = (HeardWord("stop", -0.1), HeardWord("machine", -0.1), HeardWord("50", score))
        decoding = Decoding((best,), best, "stop machine 50", words, calls=1, tokens=1)
        monkeypatch.setattr(two_model_fusion, "decode", lambda *_: decoding)
        how = SentenceRecogniser(
            vocabulary=TokenVocabulary.of(["stop machine 15", None], 1),
            spell=lambda _: "stop machine 15",
        )
        return how.recognise(EncodedAudioOnPaper(), machines)  # type: ignore[arg-type]

    assert (heard(-0.2).refused, heard(-0.2).confidence) == ("unlikely", 0.0)
    assert heard(-1.8).slots == {"n": 15}


WAITING = Grammar.of(
    intents_of({"Later": "{what} in two hours"}, lists={"what": {"wildcard": True}})
)


@pytest.mark.parametrize(
    ("said", "score", "refused"),
    [
        ("turn the heating off in two hours", -1.5, None),
        ("the weather was fine and we walked along the river in two hours", -12.0, "unlikely"),
    ],
)
def test_other_speech_in_a_wildcard_is_refused_and_an_order_is_not(
    said: str, score: float, refused: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tuple(range(len(said.split())))
    best = Candidate(tokens, score, score)
    heard = tuple(HeardWord(word, -0.1) for word in said.split())
    decoding = Decoding(
        candidates=(best,), free=best, free_text=said, heard=heard, calls=1, tokens=1
    )
    monkeypatch.setattr(two_model_fusion, "decode", lambda *_: decoding)
    how = SentenceRecogniser(vocabulary=TokenVocabulary.of([said, None], 1), spell=lambda _: said)
    assert how.recognise(EncodedAudioOnPaper(), WAITING).refused == refused  # type: ignore[arg-type]


def test_what_was_tried_and_means_something_else_makes_a_result_doubtful(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = understood(monkeypatch, -2.0, -99.0, -99.0)
    assert alone.margin == float("inf")
    assert understood(monkeypatch, -2.0, -99.0, -2.3).confidence < alone.confidence


def test_the_next_meaning_is_told_with_how_much_less_likely_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    same = understood(monkeypatch, -2.0, -2.1, -99.0)
    assert same.runner_up is None  # another way to say the same is no other meaning
    other = understood(monkeypatch, -2.0, -99.0, -2.3).runner_up
    assert other is not None
    assert other.text == TEXTS[2]
    assert other.times_less_likely == pytest.approx(1.3, abs=0.1)
    rejected = understood(monkeypatch, -30.0, -99.0, -31.0)
    assert rejected.reading is None
    assert rejected.runner_up is not None
    assert (rejected.runner_up.text, rejected.runner_up.times_less_likely) == (TEXTS[0], None)
