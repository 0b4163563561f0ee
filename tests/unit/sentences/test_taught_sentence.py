"""A taught sentence means exactly what it was taught, and every other line stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import EditRefused, SentencesError
from appliance.sentences import sentence_set
from appliance.sentences.marked_yaml import Document
from appliance.sentences.taught_sentence import template_of, with_sentence
from appliance.values import Intent

LIGHT = Intent("HassTurnOn", {"area": "kitchen", "brightness": 5})
GATE = Intent("OpenGate")


def meaning(tmp_path: Path, content: str, said: str) -> Intent | None:
    (tmp_path / "taught.yaml").write_text(content)
    return sentence_set.load(tmp_path, "en").parse(said)


def test_sentences_of_old_and_new_intents_are_added(tmp_path: Path) -> None:
    text = with_sentence("", "make it bright", LIGHT)
    text = with_sentence(text, "let them in", GATE)
    text = with_sentence(text, "more light over the stove", LIGHT)
    for said, intent in [
        ("make it bright", LIGHT),
        ("let them in", GATE),
        ("more light over the stove", LIGHT),
    ]:
        found = meaning(tmp_path, text, said)
        assert found is not None
        assert (found.name, found.slots) == (intent.name, intent.slots)


def test_comments_and_other_keys_stay(tmp_path: Path) -> None:
    before = (
        "# mine\nintents:\n  OpenGate: # the front one\n    confirm: true\n    data:\n"
        "    - sentences:\n        - open the gate  # always\nlists: {}\n"
    )
    text = with_sentence(before, "let them in", GATE)
    assert [line for line in text.splitlines() if line in before.splitlines()] == (
        before.splitlines()
    )
    assert meaning(tmp_path, text, "let them in") is not None
    assert meaning(tmp_path, text, "open the gate") is not None


@pytest.mark.parametrize(
    "text", ["intents: {}\n", "- a\n", "intents:\n  OpenGate: {data: [{sentences: [a]}]}\n"]
)
def test_a_file_in_another_form_is_left_alone(text: str) -> None:
    with pytest.raises(EditRefused, match="by hand"):
        with_sentence(text, "let them in", GATE)


def test_yaml_that_one_reader_takes_and_the_other_does_not_is_left_alone() -> None:
    text = "intents:\n  OpenGate:\n    data: {a? b: 1}\n"
    Document("own.yaml", text)
    with pytest.raises(SentencesError, match="by hand"):
        with_sentence(text, "let them in", GATE)


@pytest.mark.parametrize(
    ("said", "template"),
    [
        ("Let them in, please!", "Let them in, please"),
        ("a (b) [c] {d} <e> | f", "a b c d e f"),
        ('say "hi"\n', 'say "hi"'),
        ("Mach's heller.", "Mach's heller"),
    ],
)
def test_what_was_said_is_no_template(said: str, template: str) -> None:
    assert template_of(said) == template


@pytest.mark.parametrize("said", ["", "  ", "?!", "()"])
def test_nothing_said_cannot_be_taught(said: str) -> None:
    with pytest.raises(EditRefused):
        template_of(said)


@pytest.mark.parametrize("said", ['he said: "yes"', "50 % # now", "- a", "&a", "it's {x}", "ä: ö"])
def test_whatever_is_said_stays_one_sentence_of_the_file(tmp_path: Path, said: str) -> None:
    template = template_of(said)
    found = meaning(tmp_path, with_sentence("", template, GATE), template)
    assert found is not None
    assert found.name == "OpenGate"
