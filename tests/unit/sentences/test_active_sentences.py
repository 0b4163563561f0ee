"""The active sentences for a speaker: in a room, and with names of a client."""

from __future__ import annotations

from hassil.intents import Intents

from appliance.sentences.active_sentences import KEPT_ROOMS, KEPT_WIDENED, ActiveSentences
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet


def sentences(verb: str = "turn on") -> SentenceSet:
    content = {
        "language": "en",
        "intents": {"Light": {"data": [{"sentences": [f"{verb} {{name}}"]}]}},
        "lists": {"name": {"values": ["lamp"]}},
    }
    return SentenceSet("en", Intents.from_dict(content), {"Light": DeclaredIntent("Light")})


def test_early_looks_and_result_of_one_speaker_see_the_same_set() -> None:
    active = ActiveSentences(sentences())
    assert active.for_speaker("hall") is active.for_speaker("Hall")
    assert active.for_speaker("", ("ball",)) is active.for_speaker("", ("ball",))
    assert active.for_speaker("") is active.current


def test_names_hold_for_who_gave_them_and_nobody_else() -> None:
    active = ActiveSentences(sentences())
    assert active.for_speaker("hall", ("ball",)).parse("turn on ball") is not None
    assert active.for_speaker("hall").parse("turn on ball") is None
    assert active.for_speaker("hall", ("cube",)).parse("turn on ball") is None
    assert active.current.parse("turn on ball") is None


def test_names_are_added_to_new_sentences_after_a_reload() -> None:
    active = ActiveSentences(sentences())
    active.for_speaker("", ("ball",))
    active.replace(sentences("switch on"))
    widened = active.for_speaker("", ("ball",))
    assert widened.parse("switch on ball") is not None
    assert widened.parse("turn on ball") is None


def test_few_grammars_and_rooms_are_kept() -> None:
    active = ActiveSentences(sentences())
    for number in range(3 * KEPT_ROOMS):
        active.for_speaker(f"room {number}", ("ball", chr(97 + number % 26) * 3))
        active.for_speaker(f"room {number}")
    assert len(active._widened) == KEPT_WIDENED
    assert len(active._placed) <= KEPT_ROOMS
    assert {names for _, names in active._placed} <= {(), *active._widened}
