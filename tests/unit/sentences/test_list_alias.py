"""Tests of finding another name in what was said, and of writing it into a list."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from appliance.errors import EditRefused
from appliance.sentences.list_alias import (
    alias_in,
    named_values,
    with_list_value,
    with_new_list,
)
from appliance.sentences.sentence_set import SentenceSet, load

FILE = """# My own comment.
intents:
  HassTurnOn:
    data:
      - sentences: ["turn on [the] {name} [please]"]
  Schalten:
    data:
      - sentences: ["(mach|schalte) [das] {licht} an"]
  Paint:
    data:
      - sentences: ["paint [the] {name} {color}"]
lists:
  name:
    values:
      - in: "kitchen (light|lamp)"
        out: kitchen light
        context: {domain: light}  # it stays
      - fan
  licht:
    values: [Stehlampe, {in: "große Lampe", out: big}]
  color:
    values:
      - in: "bright red"
        out: 7
      - blue
"""


@pytest.fixture
def sentences(tmp_path: Path) -> SentenceSet:
    (tmp_path / "own.yaml").write_text(FILE)
    return load(tmp_path, "en", included=False)


def found(sentences: SentenceSet, said: str, meant: str) -> tuple[str, str] | None:
    meaning = sentences.parse(meant)
    assert meaning is not None
    alias = alias_in(named_values(sentences), said, meant, meaning)
    return None if alias is None else (alias[0], alias[1].out)


@pytest.mark.parametrize(
    ("said", "meant", "expected"),
    [
        (
            "turn on the ceiling thing",
            "turn on the kitchen light",
            ("ceiling thing", "kitchen light"),
        ),
        (
            "turn on ceiling thing please",
            "turn on kitchen lamp please",
            ("ceiling thing", "kitchen light"),
        ),
        (
            "turn on the kitchen thing",
            "turn on the kitchen light",
            ("kitchen thing", "kitchen light"),
        ),
        ("turn on ceiling thing", "turn on the kitchen light", ("ceiling thing", "kitchen light")),
        ("Mach das Ding da an!", "mach das große lampe an", ("ding da", "big")),
        ("paint the fan scarlet", "paint the fan bright red", ("scarlet", "7")),
        ("paint the thing scarlet", "paint the fan bright red", None),
        ("ceiling thing on", "turn on the kitchen light", None),
        ("switch on the kitchen light", "turn on the kitchen light", None),
        ("turn on the", "turn on the kitchen light", None),
        ("turn on the kitchen light", "turn on the kitchen light", None),
        ("", "turn on the fan", None),
    ],
)
def test_the_words_in_place_of_a_name_are_found_if_nothing_else_differs(
    sentences: SentenceSet, said: str, meant: str, expected: tuple[str, str] | None
) -> None:
    assert found(sentences, said, meant) == expected


def test_a_new_name_means_the_same_value_and_no_other_line_changes(tmp_path: Path) -> None:
    text = FILE
    for list_name, out, alias in (
        ("name", "kitchen light", "ceiling thing"),
        ("name", "fan", "the 'wind' machine"),
        ("licht", "Stehlampe", "Ding"),
        ("licht", "big", "dicke Lampe"),
        ("color", "7", "scarlet"),
    ):
        changed = with_list_value(text, list_name, out, alias)
        assert changed is not None
        assert all(line in changed for line in text.splitlines() if "Stehlampe" not in line)
        text = changed
    lists = yaml.safe_load(text)["lists"]
    assert lists["name"]["values"][2] == {
        "in": "ceiling thing",
        "out": "kitchen light",
        "context": {"domain": "light"},
    }
    assert lists["color"]["values"][-1] == {"in": "scarlet", "out": 7}
    (tmp_path / "own.yaml").write_text(text)
    sentences = load(tmp_path, "en", included=False)
    for said, slots in (
        ("turn on the ceiling thing", {"name": "kitchen light"}),
        ("turn on the wind machine", {"name": "fan"}),
        ("mach das dicke lampe an", {"licht": "big"}),
        ("paint the fan scarlet", {"name": "fan", "color": 7}),
    ):
        meaning = sentences.parse(said)
        assert meaning is not None, said
        assert meaning.slots == slots


def test_a_list_that_a_file_does_not_declare_is_not_written_into_it() -> None:
    assert with_list_value(FILE, "area", "kitchen", "cooking place") is None
    assert with_list_value("", "area", "kitchen", "cooking place") is None


@pytest.mark.parametrize("text", ["lists: {name: {range: {from: 1, to: 3}}}", "lists: {name: {}}"])
def test_a_list_of_another_kind_is_not_changed(text: str) -> None:
    with pytest.raises(EditRefused, match="by hand"):
        with_list_value(text, "name", "fan", "wind machine")


def test_a_list_whose_values_are_devices_gets_its_first_own_value() -> None:
    text = with_new_list("intents:\n  A: {}\n", "area", "Kitchen", "cooking place")
    assert yaml.safe_load(text)["lists"]["area"]["values"] == [
        {"in": "cooking place", "out": "Kitchen"}
    ]
    with pytest.raises(EditRefused, match="in no file of yours"):
        with_new_list("", "color", "red", "scarlet")
    with pytest.raises(EditRefused, match="by hand"):
        with_new_list("lists:\n  a: {values: [b]}\n", "area", "Kitchen", "cooking place")
