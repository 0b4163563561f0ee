"""No text that is only nearly a command acts, in six languages: made from their sentences."""

from __future__ import annotations

import functools
import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from appliance.fallback.cascade import Cascade, TextSource
from appliance.sentences import sentence_set as sentence_files
from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

ROOT = Path(__file__).parents[2]
TEMPLATES = tomllib.loads((ROOT / "tests/fixtures/near_commands.toml").read_text("utf-8"))
TEXTS = Path(os.environ.get("APPLIANCE_TEXTS", ROOT / "shared/text"))
"""Texts that are not part of the repository."""

INTENTS = ("HassTurnOn", "HassTurnOff", "HassLightSet", "HassStartTimer", "HassCancelAllTimers")
MOST_SENTENCES = int(os.environ.get("APPLIANCE_NEAR_SENTENCES", "6"))
"""Of each intent."""

SHARE = 3
"""Each command is put into every third template, the next command into the next ones."""

OTHER_WORDS = ("zubov", "balcony")
"""A word that nobody knows, and one that names a room or a thing that nobody has."""

CASCADE = Cascade()

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # compiles the sentences of six languages


@functools.cache
def home(language: str, folder: Path) -> SentenceSet:
    """Home Assistant's sentences with rooms and devices of the language."""
    written = TEMPLATES[language]
    lists = {
        "area": {"values": written["areas"]},
        "name": {
            "values": [
                {"in": name, "out": name, "context": {"domain": domain}}
                for name, domain in zip(written["names"], ("light", "fan"), strict=True)
            ]
        },
        "floor": {"values": ["floor"]},
    }
    place = folder / language
    place.mkdir()
    document = {"language": language, "lists": lists}
    (place / "lists.yaml").write_text(yaml.safe_dump(document), "utf-8")
    return sentence_files.load(folder, language, builtin=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


def commands_of(sentences: SentenceSet) -> list[str]:
    """Sentences that the grammar takes, from all over the templates."""
    found: list[str] = []
    for intent in INTENTS:
        said = [text for _, text in sentences.examples(2, intent) if sentences.parse(text)]
        step = max(1, len(said) // MOST_SENTENCES)
        found += said[::step][:MOST_SENTENCES]
    return found


def taken_for(text: str, sentences: SentenceSet) -> Intent | None:
    """What repair makes of a text that is no declared sentence."""
    if sentences.parse(text):
        return None
    return CASCADE.repair(text, sentences) or CASCADE.propose(text, sentences, TextSource.TYPED)


@pytest.mark.parametrize("language", TEMPLATES)
def test_a_question_report_negation_time_or_condition_around_a_command_holds_it_back(
    language: str, folder: Path
) -> None:
    sentences = home(language, folder)
    commands = commands_of(sentences)
    assert len(commands) >= 3 * MOST_SENTENCES
    acted = {
        text: found
        for number, command in enumerate(commands)
        for template in TEMPLATES[language]["near"][number % SHARE :: SHARE]
        if (found := taken_for(text := template.format(command), sentences))
    }
    assert acted == {}


@pytest.mark.parametrize("language", TEMPLATES)
def test_no_command_acts_if_a_word_of_it_was_replaced_by_another(
    language: str, folder: Path
) -> None:
    """A room that nobody declared, a thing that nobody has, or a word that nobody knows."""
    sentences = home(language, folder)
    acted: dict[str, Any] = {}
    for command in commands_of(sentences):
        meant = sentences.parse(command)
        words = normalise(command).split()
        assert meant is not None
        for at in range(len(words)):
            for other in OTHER_WORDS:
                text = " ".join((*words[:at], other, *words[at + 1 :]))
                found = taken_for(text, sentences)
                if found is not None and (found.name, found.slots) != (meant.name, meant.slots):
                    acted[text] = found
    assert acted == {}


@pytest.mark.parametrize("language", TEMPLATES)
def test_a_command_with_a_polite_word_or_a_slip_of_a_letter_is_still_understood(
    language: str, folder: Path
) -> None:
    """The check that cannot pass by refusing everything."""
    sentences = home(language, folder)
    commands = [text for text in commands_of(sentences) if len(text.split()) > 2]
    understood = 0
    for command in commands:
        meant = sentences.parse(command)
        words = normalise(command).split()
        longest = max(range(len(words)), key=lambda at: len(words[at]))
        word = words[longest]
        words[longest] = f"{word[:2]}{word[3:2:-1]}{word[2]}{word[4:]}" if len(word) > 4 else word
        found = sentences.parse(" ".join(words)) or CASCADE.repair(" ".join(words), sentences)
        right = found is not None and meant is not None and found.slots == meant.slots
        understood += right
    assert understood >= len(commands) // 2


def test_none_of_the_near_commands_of_other_people_acts() -> None:
    path = TEXTS / "near_commands.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not here: set APPLIANCE_TEXTS to the folder with it")
    sentences = sentence_files.load(None, "en")
    acted = {}
    for line in path.read_text("utf-8").splitlines():
        wanted = json.loads(line)
        found = sentences.parse(wanted["text"]) or CASCADE.repair(wanted["text"], sentences)
        if found is not None and found.name not in wanted["may"]:
            acted[wanted["text"]] = found
    assert acted == {}
