"""What a sentence is of which only a part has been said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.sentences import sentence_set

from appliance.errors import Interrupted
from appliance.grammar.grammar import Grammar
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.grammar_recogniser import LONGEST_COMMAND_S
from appliance.sentences.sentence_set import SentenceSet
from appliance.values import SAMPLE_RATE, Samples, SentenceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

SENTENCES = sentence_set(
    {
        "Lamp": "turn on the (lamp|light|lights) [in the hall]",
        "Note": "write down {text}",
        "Tea": "make some tea",
    },
    lists={"text": {"wildcard": True}},
    skip_words=["please"],
)
SOUND: Samples = np.zeros(SAMPLE_RATE, dtype=np.float32)


ORDERS = sentence_set(
    {
        "Tea": "tea [with {extra}] [and {other}]",
        "Time": "what time is it [[right] now]",
        "Off": "lights out",
        "AllOff": "lights out everywhere",
    },
    lists={"extra": {"values": ["milk", "cream"]}, "other": {"values": ["sugar", "honey"]}},
    skip_words=["please", "for me"],
)


class FoundSentence:
    """What the decoder found; only what is looked at."""

    def __init__(self, text: str, confidence: float) -> None:
        self.text = self.free_text = text
        self.confidence = confidence
        self.reading = object() if confidence > 0.5 else None


class ScriptedDecoder:
    """Hears what the test wants, and counts how often it had to work."""

    name = "scripted"

    def __init__(
        self, text: str = "", confidence: float = 0.95, sentences: SentenceSet = SENTENCES
    ) -> None:
        self.found = FoundSentence(text, confidence)
        self.worked = 0
        self.over = self.asked_whether_outdated = False
        self.thorough: list[bool] = []
        self.grammar = Grammar.of(sentences.intents)

    def prepare(self, _sentences: SentenceSet) -> Grammar:
        return self.grammar

    def decode_early(
        self,
        _samples: Samples,
        _sentences: SentenceSet,
        *,
        thorough: bool,
        outdated: Callable[[], bool],
    ) -> tuple[FoundSentence, str]:
        self.worked += 1
        self.thorough.append(thorough)
        self.asked_whether_outdated = outdated()
        return self.found, "hearing"

    def sounds_finished(self, _samples: Samples, _sentences: SentenceSet, text: str) -> bool:
        assert text == self.found.text
        return self.over


def early(text: str, confidence: float = 0.95) -> tuple[EarlyRecogniser, ScriptedDecoder]:
    decoder = ScriptedDecoder(text, confidence)
    return EarlyRecogniser(decoder), decoder  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "confidence", "expected"),
    [
        ("make some tea", 0.95, SentenceProgress.COMPLETE),
        ("Make some tea.", 0.95, SentenceProgress.COMPLETE),
        ("turn on the light in the hall", 0.95, SentenceProgress.COMPLETE),
        (
            "turn on the light",
            0.95,
            SentenceProgress.SOUNDS_OVER,
        ),  # "in the hall" gives no slot here
        ("write down milk", 0.95, SentenceProgress.COULD_GO_ON),
        ("turn on the", 0.3, SentenceProgress.INCOMPLETE),
        ("make some tea", 0.6, SentenceProgress.INCOMPLETE),
        ("what a day", 0.1, SentenceProgress.UNKNOWN),
        ("turn", 0.1, SentenceProgress.UNKNOWN),
        ("", 0.0, SentenceProgress.UNKNOWN),
    ],
)
def test_a_sentence_so_far_is_whole_or_a_beginning_or_neither(
    text: str, confidence: float, expected: SentenceProgress
) -> None:
    asked, _ = early(text, confidence)

    assert asked.look(SOUND, SENTENCES) is expected


@pytest.mark.parametrize(
    ("text", "over", "expected"),
    [
        ("tea", True, SentenceProgress.COULD_GO_ON),  # two slots more: the voice is not asked
        ("tea with milk", True, SentenceProgress.SOUNDS_OVER),
        ("tea with milk", False, SentenceProgress.COULD_GO_ON),
        ("tea with milk and sugar", False, SentenceProgress.COMPLETE),
        ("what time is it", False, SentenceProgress.SOUNDS_OVER),  # "right now" changes nothing
        ("what time is it right now", False, SentenceProgress.COMPLETE),
        ("lights out", False, SentenceProgress.COULD_GO_ON),  # "everywhere" does, and is no slot
        ("lights out", True, SentenceProgress.SOUNDS_OVER),
    ],
)
def test_what_could_still_be_added_decides_whether_the_voice_is_asked(
    text: str,
    over: bool,  # noqa: FBT001
    expected: SentenceProgress,
) -> None:
    decoder = ScriptedDecoder(text, sentences=ORDERS)
    decoder.over = over
    asked = EarlyRecogniser(decoder)  # type: ignore[arg-type]

    assert asked.look(SOUND, ORDERS) is expected
    assert asked.look(SOUND, ORDERS) is expected


def test_what_was_recognised_early_is_known_when_the_same_sound_is_the_sentence() -> None:
    asked, decoder = early("make some tea")
    asked.look(SOUND, SENTENCES)

    assert asked.take_known(SOUND, SENTENCES) == (decoder.found, "hearing")  # type: ignore[comparison-overlap]
    assert asked.take_known(SOUND, SENTENCES) is None


def test_another_sound_is_not_known_even_if_it_is_equal() -> None:
    asked, _ = early("make some tea")
    asked.look(SOUND, SENTENCES)

    assert asked.take_known(SOUND.copy(), SENTENCES) is None


def test_sentences_that_changed_meanwhile_are_not_known() -> None:
    asked, _ = early("make some tea")
    asked.look(SOUND, SENTENCES)
    changed = SentenceSet("en", SENTENCES.intents, {})

    assert asked.take_known(SOUND, changed) is None


def test_what_was_refused_is_known_only_after_a_thorough_look() -> None:
    asked, decoder = early("what a day", 0.1)
    asked.look(SOUND, SENTENCES)
    assert asked.take_known(SOUND, SENTENCES) is None
    asked.look(SOUND, SENTENCES, thorough=True)

    assert asked.take_known(SOUND, SENTENCES) == (decoder.found, "hearing")  # type: ignore[comparison-overlap]
    assert decoder.thorough == [False, True]


def test_the_voice_is_not_asked_once_more_has_been_said() -> None:
    asked, _ = early("make some tea")
    with pytest.raises(Interrupted):
        asked.look(SOUND, SENTENCES, outdated=lambda: True)


def test_a_sentence_whose_last_word_nobody_heard_yet_is_not_over() -> None:
    asked, decoder = early("make some tea")
    for heard in ("Make some", "Make some t..."):
        decoder.found.free_text = heard
        assert asked.look(SOUND, SENTENCES) is SentenceProgress.INCOMPLETE
    decoder.found.free_text = "Make some key."  # heard, and misheard

    assert asked.look(SOUND, SENTENCES) is SentenceProgress.COMPLETE


def test_what_is_too_long_for_a_command_is_not_looked_at() -> None:
    asked, decoder = early("make some tea")
    long = np.zeros(int(LONGEST_COMMAND_S * SAMPLE_RATE) + 1, dtype=np.float32)

    assert asked.look(long, SENTENCES) is SentenceProgress.UNKNOWN
    assert decoder.worked == 0


def test_a_look_gives_the_words_until_now_whatever_has_been_said_since() -> None:
    words: list[str] = []
    asked, decoder = early("make some", 0.2)
    asked.look(SOUND, SENTENCES, outdated=lambda: True, on_words=words.append)

    assert words == ["make some"]
    assert not decoder.asked_whether_outdated
