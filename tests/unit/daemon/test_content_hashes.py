"""Hashes by which several appliances can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.sentences import sentence_set

from appliance import config
from appliance.daemon import content_hashes
from appliance.models import catalogue
from appliance.sentences.sentence_files import DeclaredIntent

if TYPE_CHECKING:
    from pathlib import Path

LAMP = sentence_set({"TurnOn": "turn on the lamp"})


def test_the_hash_of_the_configuration_is_the_same_for_appliances_that_differ_in_name() -> None:
    one, other = (config.parse(f"[device]\nname = '{name}'") for name in ("hall", "kitchen"))
    changed = config.parse("[speech]\nleast_confidence = 0.9")
    assert content_hashes.of(one, LAMP) == content_hashes.of(other, LAMP)
    assert content_hashes.of(one, LAMP).configuration != (
        content_hashes.of(changed, LAMP).configuration
    )


def test_the_hash_of_the_sentences_changes_with_a_sentence_and_with_what_is_declared() -> None:
    sets = [
        LAMP,
        sentence_set({"TurnOn": "turn on the light"}),
        sentence_set({"TurnOn": "turn on the lamp"}, DeclaredIntent("TurnOn", confirm=True)),
    ]
    assert len({each.fingerprint for each in sets}) == 3
    assert sentence_set({"TurnOn": "turn on the lamp"}).fingerprint == LAMP.fingerprint


def test_the_hash_of_a_model_is_that_of_its_file_and_unknown_for_a_file_of_the_owner(
    tmp_path: Path,
) -> None:
    own = str(tmp_path / "own.gguf")
    speech = "[speech]\nmodel = 'whisper-tiny.en'\nsecond_model = ''"
    shipped = config.parse(speech)
    changed = config.parse(f"[language_model]\nmodel = '{own}'\n{speech}")
    (file,) = catalogue.models()[shipped.language_model.model].files.values()
    hashes = content_hashes.of(shipped, LAMP).models
    assert hashes[shipped.language_model.model] == file.sha256
    assert len(hashes[shipped.speech.model] or "") == 64
    assert content_hashes.of(changed, LAMP).models[own] is None
