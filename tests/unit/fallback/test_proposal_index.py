"""The proposer: the sentence that a text is most like, and what the gate holds back."""

from __future__ import annotations

import pytest
from hassil.intents import Intents

from appliance.config import CascadeSettings
from appliance.fallback.cascade import Cascade, TextSource
from appliance.fallback.proposal_index import TermWeights
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet

INTENTS = {
    "Brew": [
        "brew [a|some] {drink}",
        "brew {drink} in the big pot",
        "prepare {drink} in the kitchen machine",
    ],
    "Stop": ["stop the kitchen machine", "stop brewing {drink}"],
    "Ask": ["what {drink} is in the big pot"],
}
SENTENCES = SentenceSet(
    "en",
    Intents.from_dict(
        {
            "language": "en",
            "intents": {name: {"data": [{"sentences": said}]} for name, said in INTENTS.items()},
            "lists": {"drink": {"values": ["tea", "coffee"]}},
        }
    ),
    {name: DeclaredIntent(name) for name in INTENTS},
)
GUARDED = SentenceSet(
    "en",
    SENTENCES.intents,
    {**SENTENCES.declared, "Brew": DeclaredIntent("Brew", by_fuzzy=False)},
)


def proposed(text: str, source: TextSource = TextSource.TYPED) -> tuple[str, object] | None:
    intent = Cascade().propose(text, SENTENCES, source)
    return None if intent is None else (intent.name, intent.slots.get("drink"))


@pytest.mark.parametrize(
    "text", ["brew some tea in the machine", "brew tea in the big kitchen pot"]
)
def test_words_of_other_sentences_with_the_same_meaning_may_be_there(text: str) -> None:
    assert Cascade().repair(text, SENTENCES) is None
    assert proposed(text) == ("Brew", "tea")


@pytest.mark.parametrize(
    "text",
    [
        "brew soup in the big kitchen pot",
        "brew tea in the green pot",
        "did you brew tea in the big kitchen pot",
        "brew tea in the big kitchen pot tomorrow",
        "do not brew tea in the big kitchen pot",
        "brew 3 tea in the big kitchen pot",
        "brew tea and coffee in the big kitchen pot",
        "tea in the big kitchen pot",
        "tea",
        "kitchen machine",
        "prepare to brew tea in the big kitchen pot",
        "brew tea and stop the kitchen pot",
    ],
)
def test_an_unknown_word_a_guard_word_a_number_or_a_second_value_is_held_back(text: str) -> None:
    assert proposed(text) is None


def test_speech_is_left_alone_unless_the_owner_says_otherwise() -> None:
    text = "brew tea in the big kitchen pot"
    assert proposed(text, TextSource.AFTER_TRIGGER) is None
    assert proposed(text, TextSource.ALWAYS_OPEN) is None
    spoken = Cascade(CascadeSettings(propose_speech=0.4))
    assert spoken.propose(text, SENTENCES, TextSource.AFTER_TRIGGER) is not None
    assert spoken.propose(text, SENTENCES, TextSource.ALWAYS_OPEN) is None
    assert (
        Cascade(CascadeSettings(propose_text=0)).propose(text, SENTENCES, TextSource.TYPED) is None
    )


def test_an_intent_without_by_fuzzy_is_not_proposed() -> None:
    text = "brew tea in the big kitchen pot"
    assert Cascade().propose(text, GUARDED, TextSource.TYPED) is None


def test_a_sentence_is_nearest_to_itself_and_rare_words_count_most() -> None:
    rows = [["brew", "{}"], ["stop", "{}"], ["brew", "{}", "pot"]]
    weights = TermWeights(rows, [0, 1, 2])
    scores = weights.scores(["brew", "{}"])
    assert scores.argmax() == 0
    assert scores[0] == pytest.approx(1.0)
    assert scores[1] < scores[2]
    assert weights.scores(["unknown"]).max() == 0
