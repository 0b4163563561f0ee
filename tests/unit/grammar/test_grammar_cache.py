"""The compiled grammar on disk: by content, never half, never fatal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hassil import Intents

from appliance.grammar.grammar import Grammar, fingerprint

if TYPE_CHECKING:
    from pathlib import Path


def intents(sentence: str) -> Intents:
    data = [{"sentences": [sentence]}]
    return Intents.from_dict({"language": "en", "intents": {"A": {"data": data}}})


def test_equal_content_is_compiled_once(tmp_path: Path) -> None:
    Grammar.of(intents("lamp on"), cache=tmp_path)
    [kept] = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    assert Grammar.of(intents("lamp on"), cache=tmp_path).allows("lamp on")
    assert [one.stat().st_mtime_ns for one in tmp_path.iterdir()] == [before]


def test_other_content_has_another_name() -> None:
    names = {
        fingerprint(intents(text), None, context)
        for text in ("a b", "a c")
        for context in (None, {"area": "hall"})
    }
    assert len(names) == 4


def test_a_file_cut_off_by_a_power_failure_is_made_again(tmp_path: Path) -> None:
    Grammar.of(intents("lamp on"), cache=tmp_path)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:50])
    assert Grammar.of(intents("lamp on"), cache=tmp_path).allows("lamp on")


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Grammar.of(intents("lamp on"), cache=tmp_path / "file" / "below").allows("lamp on")


def test_the_old_grammar_goes_on_while_a_new_one_is_made() -> None:
    old = Grammar.of(intents("lamp on"))
    state = old.automaton.walk(old.automaton.start, "lamp")
    new = Grammar.of(intents("fan on"))
    assert old.automaton.accepts(old.automaton.walk(state, " on"))
    assert not new.allows("lamp on")
