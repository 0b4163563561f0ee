"""A second model beside the first, through the daemon's own recogniser and the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.recordings import sound_of

from appliance import cli
from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.engines.whisper.model import Whisper
from appliance.errors import Interrupted
from appliance.evaluation.manifest import SAMPLES
from appliance.recognition.grammar_recogniser import GrammarRecogniser, SecondModel
from appliance.sentences.sentence_set import SentenceSet, load

pytestmark = pytest.mark.timeout(120)

LINES = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]
COMMANDS = [line for line in LINES if line.get("intent") and line.get("audio")]


@pytest.fixture(scope="module")
def sentences() -> SentenceSet:
    return load(None, "en")


@pytest.fixture(scope="module")
def whisper(models_directory: Path) -> Whisper:
    return Whisper(models_directory / "whisper-tiny.en", threads=1)


def recogniser(whisper: Whisper, doubt: float) -> GrammarRecogniser:
    """The same model twice: what matters here is the road, and when it is taken."""
    return GrammarRecogniser(
        whisper,
        limits=RejectionLimits(second_model_below=doubt),
        calibration=Calibration(),
        second=SecondModel(whisper, Calibration()),
    )


def test_what_is_doubtful_is_put_to_both_and_understood(
    whisper: Whisper, sentences: SentenceSet
) -> None:
    doubting, sure = recogniser(whisper, 1.0), recogniser(whisper, 0.0)
    for line in COMMANDS[:3]:
        samples = sound_of(SAMPLES / line["audio"])
        both, _ = doubting.decode(samples, sentences)
        one, _ = sure.decode(samples, sentences)
        assert (both.models_asked, one.models_asked) == (2, 1)
        assert both.intent == one.intent == line["intent"]
        assert both.slots == one.slots
        # Twice the same opinion is that opinion.
        assert both.score == pytest.approx(one.score, abs=0.05)


def test_a_result_names_the_models_that_decided(whisper: Whisper, sentences: SentenceSet) -> None:
    samples = sound_of(SAMPLES / COMMANDS[0]["audio"])
    for doubt, by in ((1.0, "whisper-tiny.en+whisper-tiny.en"), (0.0, None)):
        heard = recogniser(whisper, doubt).recognise(samples, sentences, lambda _: None)
        assert heard.by == by


def test_noise_is_refused_without_asking_the_second(
    whisper: Whisper, sentences: SentenceSet
) -> None:
    hiss = np.random.default_rng(1).normal(0.0, 0.05, 32_000).astype(np.float32)
    found, _ = recogniser(whisper, 1.0).decode(hiss, sentences)
    assert found.refused is not None
    assert found.models_asked == 1


def test_a_glance_that_is_not_sure_is_followed_by_the_full_look(
    whisper: Whisper, sentences: SentenceSet
) -> None:
    samples = sound_of(SAMPLES / COMMANDS[0]["audio"])
    for doubt, opinions in ((1.0, 2), (0.0, 1)):
        found, _ = recogniser(whisper, doubt).decode_early(
            samples, sentences, thorough=False, outdated=lambda: False
        )
        assert found.models_asked == opinions
        assert (found.by_first_model is not None) == (opinions > 1)
        assert found.intent == COMMANDS[0]["intent"]


def test_the_second_is_not_asked_about_what_nobody_wants_to_know_any_more(
    whisper: Whisper, sentences: SentenceSet
) -> None:
    asked = iter([False, False, False])  # before the sound is heard, and for the first opinion
    samples = sound_of(SAMPLES / COMMANDS[0]["audio"])
    with pytest.raises(Interrupted):
        recogniser(whisper, 1.0).decode_early(
            samples, sentences, thorough=False, outdated=lambda: next(asked, True)
        )


@pytest.mark.long
def test_every_command_has_it_from_the_config(
    tmp_path: Path, models_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[device]\nstate_directory = "{tmp_path}"\nmodels_directory = "{models_directory}"\n'
        # The same weights, as a model of the owner's own: whisper-base is not on every machine.
        f'[speech]\nsecond_model = "{models_directory}/whisper-tiny.en"\nsecond_below = 1.0\n'
    )
    manifest = str(SAMPLES / "manifest.jsonl")
    assert cli.main(["evaluate", manifest, "--config", str(path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["correct"] == summary["clips"]
    assert cli.main(["calibrate", manifest, "--config", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "second_calibration = [" in printed


def test_a_second_model_that_is_not_there_is_said_at_the_start(
    tmp_path: Path, models_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[device]\nstate_directory = "{tmp_path}"\nmodels_directory = "{models_directory}"\n'
        f'[speech]\nsecond_model = "{tmp_path}/none"\n'
    )
    assert cli.main(["listen", str(SAMPLES / COMMANDS[0]["audio"]), "--config", str(path)]) != 0
    assert f"{tmp_path}/none" in capsys.readouterr().err
