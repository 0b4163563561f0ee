"""Commands as people say them at home, heard frame by frame: none is cut in two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure.endings import AtOnce, heard, recognised
from support.recordings import sound_of

from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.engines.silero import Silero
from appliance.engines.whisper.model import Whisper
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.grammar_recogniser import GrammarRecogniser
from appliance.sentences.sentence_set import load

if TYPE_CHECKING:
    from pathlib import Path

UNDERSTOOD = {
    "set_timer": "HassStartTimer",
    "what_time_is_it": "HassGetCurrentTime",
    "whats_the_date_today": "HassGetCurrentDate",
}


def test_every_command_is_one_sentence_that_is_not_ended_inside(
    speech: Path, models_directory: Path
) -> None:
    whisper = Whisper(models_directory / "whisper-tiny.en", threads=1)
    recogniser = GrammarRecogniser(whisper, limits=RejectionLimits(), calibration=Calibration())
    sentences = load(None, "en")
    early = EarlyRecogniser(recogniser)
    detector = Silero()
    clips = sorted((speech / "home").glob("*.wav"))
    assert len(clips) >= 7
    for clip in clips:
        found = heard(sound_of(clip), detector, AtOnce(early, sentences))
        assert len(found) == 1, clip.name
        result = recognised(early, recogniser, found[0].samples, sentences)
        understood = UNDERSTOOD.get(clip.stem)
        names = [intent.name for intent in result.intents]
        assert names == ([understood] if understood else []), clip.name
