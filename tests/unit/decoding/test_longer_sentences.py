"""A sentence is held back if a longer one, such as a question, fits the sound as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from support.sentences import intents_of

from appliance.decoding import two_model_fusion
from appliance.decoding.longer_sentences import longer_sentences
from appliance.decoding.search_types import Candidate, Decoding, Tokens
from appliance.decoding.sentence_recogniser import RecognisedSentence, SentenceRecogniser
from appliance.grammar.grammar import Grammar
from appliance.grammar.token_mask import TokenVocabulary
from appliance.text.word_lists import word_lists_for

HOME = Grammar.of(intents_of({"On": ["[the] lights on", "dim the lights"]}))
WORDS = (" the", " The", " lights", " on", " are", " Are", " is", " Is", " turn", " Turn")


@dataclass
class SoundOnPaper:
    """Sound of which the test says how likely the two kinds of texts are."""

    sentence: float
    question: float
    asked: int = 0
    silent: bool = False
    seconds: float = 1.0
    no_speech: float | None = 0.0

    def likelihoods(self, texts: Sequence[Tokens]) -> list[float]:
        self.asked += 1
        return [self.sentence, *(self.question for _ in texts[1:])]


def recognised(
    sound: SoundOnPaper, text: str, free_text: str, monkeypatch: pytest.MonkeyPatch
) -> RecognisedSentence:
    """The sentence `text`, the best of the search, where the model wrote `free_text`."""
    spelled: dict[tuple[int, ...], str] = {(0,): text, (1,): free_text}
    decoding = Decoding(
        candidates=(Candidate((0,), -1.0, -1.0),),
        free=Candidate((1,), -1.0, -1.0),
        free_text=free_text,
        heard=(),
        calls=1,
        tokens=1,
    )
    monkeypatch.setattr(two_model_fusion, "decode", lambda *_: decoding)
    how = SentenceRecogniser(
        vocabulary=TokenVocabulary.of([*WORDS, None], len(WORDS)),
        spell=lambda tokens: spelled[tuple(tokens)],
    )
    return how.recognise(sound, HOME)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "refused"), [(-2.0, "unlikely"), (-4.5, "unlikely"), (-9.0, None)]
)
def test_a_sentence_without_a_verb_needs_a_sound_that_is_clearly_no_question(
    question: float, refused: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = recognised(SoundOnPaper(-4.0, question), "The lights on", "other lights", monkeypatch)
    assert found.refused == refused
    assert (found.reading is None) == (refused is not None)
    assert found.meant is not None


@pytest.mark.parametrize(
    ("text", "free_text"),
    [("Dim the lights", "Dim the rights"), ("The lights on", "The lights on.")],
)
def test_nothing_is_compared_if_the_beginning_and_a_state_were_heard(
    text: str, free_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = SoundOnPaper(-4.0, 0.0)
    assert recognised(sound, text, free_text, monkeypatch).intent == "On"
    assert sound.asked == 0


@pytest.mark.parametrize(
    ("language", "sentence", "others"),
    [
        ("en", "our kitchen lights on", {"are the kitchen lights on", "our kitchen lights are on"}),
        ("de", "licht in der küche an", {"ist das licht in der küche an"}),
        ("fr", "lumière du salon allumée", {"est ce que la lumière du salon allumée"}),
        ("es", "luz de la cocina encendida", {"está la luz de la cocina encendida"}),
        ("it", "luce della cucina accesa", {"luce della cucina è accesa"}),
        ("nl", "lamp in de keuken aan", {"is de lamp in de keuken aan"}),
    ],
)
def test_each_language_asks_and_reports_with_its_own_words(
    language: str, sentence: str, others: set[str]
) -> None:
    assert others <= set(longer_sentences(sentence.split(), word_lists_for(language)))


def test_a_verb_may_have_had_a_prefix() -> None:
    found = longer_sentences(["set", "the", "timer"], word_lists_for("en"))
    assert list(found) == ["reset the timer", "unset the timer"]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "please open the gate"),
        ("de", "bitte mach das licht an"),
        ("xx", "lights on"),
        ("en", "on"),
    ],
)
def test_a_verb_inside_or_an_unknown_language_leaves_nothing_to_compare(
    language: str, sentence: str
) -> None:
    assert list(longer_sentences(sentence.split(), word_lists_for(language))) == []
