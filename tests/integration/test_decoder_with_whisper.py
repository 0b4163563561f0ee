"""The real model under a grammar, on recordings of people where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hassil import Intents
from measure.recordings import (
    NoRecordings,
    Sound,
    coffee_intents,
    coffee_orders,
    folder,
    mixed,
    sound,
)
from support.recordings import sound_of

from appliance.decoding.sentence_recogniser import SentenceRecogniser
from appliance.engines.whisper.model import Whisper
from appliance.errors import EngineError
from appliance.evaluation.manifest import SAMPLES
from appliance.grammar.grammar import Grammar
from appliance.grammar.token_mask import TokenVocabulary

pytestmark = pytest.mark.timeout(300)

HOME = {
    "language": "en",
    "intents": {
        "TurnOn": {"data": [{"sentences": ["turn on [the] {name}"]}]},
        "Timer": {"data": [{"sentences": ["set [a] timer for {minutes} minute[s]"]}]},
        "Play": {"data": [{"sentences": ["play {what}"]}]},
        "Time": {"data": [{"sentences": ["what time is it"]}]},
        "Date": {"data": [{"sentences": ["what's the date [today]"]}]},
    },
    "lists": {
        "name": {"values": ["lamp", "fan", "heater", "kitchen light"]},
        "minutes": {"range": {"from": 1, "to": 120}},
        "what": {"wildcard": True},
    },
}


@pytest.fixture(scope="module")
def recordings() -> Path:
    try:
        return folder()
    except NoRecordings as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def whisper(models_directory: Path) -> Whisper:
    return Whisper(models_directory / "whisper-tiny.en", threads=1)


@pytest.fixture(scope="module")
def how(whisper: Whisper) -> SentenceRecogniser:
    return SentenceRecogniser(
        vocabulary=TokenVocabulary.of(whisper.tokens, whisper.end), spell=whisper.text
    )


@pytest.fixture(scope="module")
def home() -> Grammar:
    return Grammar.of(Intents.from_dict(HOME))


@pytest.fixture(scope="module")
def coffee() -> Grammar:
    return Grammar.of(coffee_intents())


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ("turn_on_the_lamp", ("TurnOn", {"name": "lamp"})),
        ("set_timer", ("Timer", {"minutes": 10})),
        ("play_the_beatles", ("Play", {"what": "the Beatles"})),
        ("what_time_is_it", ("Time", {})),
        ("whats_the_date_today", ("Date", {})),
    ],
)
def test_what_is_declared_is_understood(
    clip: str,
    expected: tuple[str, dict[str, object]],
    recordings: Path,
    whisper: Whisper,
    how: SentenceRecogniser,
    home: Grammar,
) -> None:
    found = how.recognise(whisper.encode(sound(recordings / "home" / f"{clip}.wav"), "en"), home)
    assert (found.intent, found.slots) == expected
    assert found.confidence > 0.8


def test_speech_of_another_domain_is_refused(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, coffee: Grammar
) -> None:
    clips = [*(recordings / "home").glob("*.wav"), *(recordings / "wake").rglob("*.wav")]
    understood = [
        (path.name, found.text)
        for path in sorted(clips)
        if (found := how.recognise(whisper.encode(sound(path), "en"), coffee)).reading
    ]
    assert not understood


def test_orders_of_other_things_are_refused_if_only_lamps_are_declared(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, home: Grammar
) -> None:
    understood = [
        found.text
        for speech, _ in coffee_orders(recordings)[::6]
        if (found := how.recognise(whisper.encode(speech, "en"), home)).reading
    ]
    assert not understood


def test_orders_in_a_noisy_kitchen_are_understood(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, coffee: Grammar
) -> None:
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    right, wrong = 0, 0
    orders = coffee_orders(recordings)[::4]
    for number, (speech, slots) in enumerate(orders):
        found = how.recognise(whisper.encode(mixed(speech, noise, 15, number), "en"), coffee)
        same = {name: str(value) for name, value in found.slots.items()} == slots
        right, wrong = right + same, wrong + (found.reading is not None and not same)
    assert right >= len(orders) - 2
    assert wrong == 0


def test_half_an_order_is_refused(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, coffee: Grammar
) -> None:
    speech, _ = coffee_orders(recordings)[0]
    whole = whisper.encode(speech, "en").seconds
    first = np.flatnonzero(np.abs(speech) > 0.1 * np.abs(speech).max())[0]
    cut = speech[: first + int(0.22 * whole * 16_000)]
    assert how.recognise(whisper.encode(cut, "en"), coffee).reading is None


@pytest.mark.parametrize("share", [0.2, 0.35])
def test_a_sentence_that_is_cut_off_is_not_taken_for_another(
    share: float, recordings: Path, whisper: Whisper, how: SentenceRecogniser, coffee: Grammar
) -> None:
    for number in (0, 3, 9, 39, 48):
        speech, _ = coffee_orders(recordings)[number]
        loud = np.flatnonzero(np.abs(speech) > 0.1 * np.abs(speech).max())
        cut = speech[: loud[0] + int(share * (loud[-1] - loud[0]))]
        found = how.recognise(whisper.encode(cut, "en"), coffee)
        assert found.reading is None, (number, found.text, found.confidence)


def test_other_speech_is_refused_after_one_look(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, coffee: Grammar
) -> None:
    for clip in ("set_timer", "what_time_is_it", "whats_the_date_today"):
        found = how.recognise(
            whisper.encode(sound(recordings / "home" / f"{clip}.wav"), "en"), coffee
        )
        assert (found.refused, found.calls) == ("no_sentence", 1)


def noises() -> dict[str, Sound]:
    rng = np.random.default_rng(5)
    time = np.arange(48_000) / 16_000
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6))
    return {
        "silence": np.zeros(48_000, np.float32),
        "faint": rng.normal(0, 0.001, 48_000).astype(np.float32),
        "hiss": rng.normal(0, 0.05, 48_000).astype(np.float32),
        "hum": (0.1 * np.sin(2 * np.pi * 50 * time)).astype(np.float32),
        "chord": (0.1 * chord * (1 + np.sin(2 * np.pi * 2 * time)) / 2).astype(np.float32),
        "melody": np.concatenate(
            [
                0.2 * np.sin(2 * np.pi * f * time[:8_000]) * np.exp(-4 * time[:8_000])
                for f in (262, 330, 392, 523, 392, 330)
            ]
        ).astype(np.float32),
        "click": np.pad(np.ones(40, np.float32), (20_000, 20_000)),
        "nothing": np.zeros(0, np.float32),
    }


@pytest.mark.parametrize("kind", list(noises()))
def test_noise_gives_no_command_and_no_words(
    kind: str, whisper: Whisper, how: SentenceRecogniser, home: Grammar, coffee: Grammar
) -> None:
    for grammar in (home, coffee):
        assert how.recognise(whisper.encode(noises()[kind], "en"), grammar).reading is None
    assert whisper.transcribe(noises()[kind], "en").text == ""


def test_kitchen_noise_is_not_taken_for_a_command(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, home: Grammar, coffee: Grammar
) -> None:
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    for begin in range(0, len(noise) - 48_000, 160_000):
        for grammar in (home, coffee):
            found = how.recognise(whisper.encode(noise[begin : begin + 48_000], "en"), grammar)
            assert found.reading is None, (begin, found.text)


def test_the_same_sound_gives_the_same_result(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, coffee: Grammar
) -> None:
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    clip = mixed(coffee_orders(recordings)[3][0], noise, 6, 3)
    results = {repr(how.recognise(whisper.encode(clip, "en"), coffee)) for _ in range(3)}
    assert len(results) == 1


def test_a_text_is_as_likely_among_others(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, home: Grammar
) -> None:
    walk = home.walk(how.vocabulary)
    said = [f"set a timer for {minutes} minutes" for minutes in range(2, 10)]
    texts = [walk.tokens_of(text, {}) for text in [*said, "turn on the fan"]]
    heard = whisper.encode(sound(recordings / "home" / "set_timer.wav"), "en")
    alone = [likelihood for text in texts if text for likelihood in heard.likelihoods([text])]
    assert len(alone) == len(texts)
    together = heard.likelihoods([text for text in texts if text])
    assert together == pytest.approx(alone, abs=1e-3)


def test_a_grammar_swapped_in_leaves_the_decoding_one_alone(
    recordings: Path, whisper: Whisper, how: SentenceRecogniser, home: Grammar, coffee: Grammar
) -> None:
    hearing = whisper.encode(sound(recordings / "home" / "turn_on_the_lamp.wav"), "en")
    before = how.recognise(hearing, home)
    assert how.recognise(hearing, coffee).reading is None
    assert how.recognise(hearing, home) == before


def test_free_dictation_does_not_loop(recordings: Path, whisper: Whisper) -> None:
    expected = {"this_is_a_test": "this is a test", "what_time_is_it": "what time is it"}
    for clip, words in expected.items():
        text = whisper.transcribe(sound(recordings / "home" / f"{clip}.wav"), "en").text
        assert "".join(c for c in text.casefold() if c not in ".?!,") == words


def test_a_language_that_the_model_lacks_is_an_error(whisper: Whisper) -> None:
    with pytest.raises(EngineError, match="English only"):
        whisper.encode(np.ones(16_000, np.float32), "fr")


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"model\.bin"):
        Whisper(tmp_path)


def test_the_error_for_a_damaged_model_says_that_it_is_damaged(tmp_path: Path) -> None:
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(EngineError, match="cannot be opened"):
        Whisper(tmp_path)


@pytest.mark.parametrize(
    ("clip", "sentence", "declared", "others"),
    [
        ("kitchen_light", "turn on the {what} light", "kitchen", ["chicken", "garage", "bedroom"]),
        ("living_room_noise", "turn off the {what} lights", "living room", ["dining room", "hall"]),
        ("timer_slow", "set a timer for {what} minutes", "five", ["four", "nine", "fifteen"]),
    ],
)
def test_a_value_that_is_not_declared_is_refused_and_not_taken_for_another(
    how: SentenceRecogniser,
    whisper: Whisper,
    clip: str,
    sentence: str,
    declared: str,
    others: list[str],
) -> None:
    heard = sound_of(SAMPLES / f"{clip}.flac")
    for values, expected in (([declared, *others], {"what": declared}), (others, {})):
        asked = {
            "language": "en",
            "intents": {"Asked": {"data": [{"sentences": [sentence]}]}},
            "lists": {"what": {"values": values}},
        }
        grammar = Grammar.of(Intents.from_dict(asked))
        found = how.recognise(whisper.encode(heard, "en"), grammar)
        assert found.slots == expected, found
