"""The files of compiled grammars: named by content, never half written, never fatal."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest
from hassil import Intents
from hassil.intents import WildcardSlotList
from support.sentences import intents_of

from appliance.grammar import grammar
from appliance.grammar.cache import MAX_FILES
from appliance.grammar.grammar import Grammar, fingerprint


def intents(sentence: str) -> Intents:
    return intents_of({"A": sentence})


def test_equal_content_is_compiled_once(tmp_path: Path) -> None:
    Grammar.of(intents("lamp on"), cache=tmp_path)
    [kept] = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    assert Grammar.of(intents("lamp on"), cache=tmp_path).allows("lamp on")
    assert [one.stat().st_mtime_ns for one in tmp_path.iterdir()] == [before]


def test_other_content_gets_another_file() -> None:
    names = {
        fingerprint(intents(text), lists)
        for text in ("a b", "a c")
        for lists in (None, {"hall": WildcardSlotList("hall")})
    }
    assert len(names) == 4


def test_a_file_by_another_version_of_a_library_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = fingerprint(intents("lamp on"), None)
    monkeypatch.setattr(grammar, "version", lambda _: "0.0.0")
    assert fingerprint(intents("lamp on"), None) != before


@pytest.mark.parametrize("end", [0, 10, 50, -1])
def test_a_file_that_a_power_failure_cut_off_is_compiled_again(end: int, tmp_path: Path) -> None:
    Grammar.of(intents("lamp on"), cache=tmp_path)
    [kept] = tmp_path.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:end])
    assert Grammar.of(intents("lamp on"), cache=tmp_path).allows("lamp on")
    assert kept.read_bytes() == whole


def test_a_file_with_a_wrong_bit_is_compiled_again(tmp_path: Path) -> None:
    Grammar.of(intents("lamp on"), cache=tmp_path)
    [kept] = tmp_path.iterdir()
    whole = kept.read_bytes()
    for place in range(0, len(whole), 17):
        kept.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert Grammar.of(intents("lamp on"), cache=tmp_path).allows("lamp on")
        assert kept.read_bytes() == whole


def test_loading_a_file_of_another_program_runs_no_code(tmp_path: Path) -> None:
    class FileMakingPickle:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    Grammar.of(intents("lamp on"), cache=tmp_path)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(pickle.dumps(FileMakingPickle()))
    assert Grammar.of(intents("lamp on"), cache=tmp_path).allows("lamp on")
    assert not (tmp_path / "sprung").exists()


def test_all_semantic_tags_are_loaded_unchanged(tmp_path: Path) -> None:
    source = {
        "language": "en",
        "skip_words": ["please"],
        "intents": {
            "A": {
                "data": [
                    {
                        "sentences": ["<go> {name} to {n} [for {who}]"],
                        "slots": {"fixed": True, "half": 0.5},
                        "requires_context": {"domain": ["light", "fan"], "area": {"slot": True}},
                        "excludes_context": {"domain": "lock"},
                        "metadata": {"from": {"a": [1, None]}},
                    }
                ]
            }
        },
        "expansion_rules": {"go": "(go|turn)"},
        "lists": {
            "name": {"values": [{"in": "l[ ]amp", "out": 7, "context": {"domain": "light"}}]},
            "n": {"range": {"from": -2, "to": 4, "fractions": "halves"}},
            "who": {"wildcard": True},
        },
    }
    made = [Grammar.of(Intents.from_dict(source), cache=tmp_path).in_area("hall") for _ in range(2)]
    assert made[0].network == made[1].network
    text = "go lamp to 1.5 for aunt Mary please"
    assert made[0].readings(text) == made[1].readings(text) != []


def test_a_grammar_with_a_value_that_is_not_plain_data_is_not_saved(tmp_path: Path) -> None:
    source = {
        "language": "en",
        "intents": {"A": {"data": [{"sentences": ["{day}"]}]}},
        "lists": {"day": {"values": [{"in": "today", "out": date(2026, 11, 23)}]}},
    }
    for _ in range(2):
        [reading] = Grammar.of(Intents.from_dict(source), cache=tmp_path).readings("today")
        assert reading.slots == {"day": date(2026, 11, 23)}
    assert not list(tmp_path.iterdir())


def test_only_the_newest_files_remain(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 3):
        Grammar.of(intents(f"lamp {'x' * number} on"), cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == MAX_FILES


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Grammar.of(intents("lamp on"), cache=tmp_path / "file" / "below").allows("lamp on")


def test_the_old_grammar_still_works_after_a_new_one_was_made() -> None:
    old = Grammar.of(intents("lamp on"))
    state = old.automaton.walk(old.automaton.start, "lamp")
    new = Grammar.of(intents("fan on"))
    assert old.automaton.accepts(old.automaton.walk(state, " on"))
    assert not new.allows("lamp on")
