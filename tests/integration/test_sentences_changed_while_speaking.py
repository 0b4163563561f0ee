"""Sentences that change in the middle of a command: it is understood as it was begun."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.recordings import sound_of

from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.engines.whisper.encoded_audio import EncodedAudio
from appliance.engines.whisper.model import Whisper
from appliance.evaluation.manifest import SAMPLES
from appliance.recognition.grammar_recogniser import GrammarRecogniser
from appliance.sentences.sentence_set import load

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.engines.whisper.encoded_audio import GreedyContinuation
    from appliance.sentences.sentence_set import SentenceSet

pytestmark = pytest.mark.timeout(120)

CLIP = next(
    clip
    for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()
    if (clip := json.loads(line)).get("intent") and clip.get("audio")
)
OTHER = "intents: {Tea: {data: [{sentences: ['make some tea', 'pour some {n} tea']}]}}\nlists: {n: "


def test_a_file_changed_while_a_command_is_being_decoded_changes_the_next_alone(
    models_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whisper = Whisper(models_directory / "whisper-tiny.en", threads=1)
    recogniser = GrammarRecogniser(whisper, limits=RejectionLimits(), calibration=Calibration())
    samples, spoken = sound_of(SAMPLES / CLIP["audio"]), load(None, "en")
    undisturbed, _ = recogniser.decode(samples, spoken)
    changed: list[SentenceSet] = []
    asked = EncodedAudio.continuations

    def amid(
        hearing: EncodedAudio, prefixes: list[tuple[int, ...]], further: int
    ) -> list[GreedyContinuation]:
        """Every time that the model is asked, the files have changed once more."""
        (tmp_path / "a.yaml").write_text(f"{OTHER}{{values: [kind {'x' * len(changed)}]}}}}\n")
        changed.append(load(tmp_path, "en"))
        recogniser.prepare(changed[-1])
        return asked(hearing, prefixes, further)

    monkeypatch.setattr(EncodedAudio, "continuations", amid)
    found, _ = recogniser.decode(samples, spoken)
    assert changed
    assert found == undisturbed
    assert found.intent == CLIP["intent"]
    monkeypatch.undo()
    assert recogniser.decode(samples, changed[-1])[0].reading is None
