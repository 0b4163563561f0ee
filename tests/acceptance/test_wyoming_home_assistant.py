"""A real Home Assistant uses the appliance by the Wyoming protocol, also after restarts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.daemon_process import SAMPLES, DaemonProcess
from support.free_port import free_port
from support.home_assistant import HomeAssistant, tree
from support.recordings import sound_of
from support.virtual_microphone import virtual_microphone
from support.waiting import until

from appliance.wyoming_server.pcm_frames import pcm_of

pytestmark = pytest.mark.long

SECOND = bytes(32_000)


def pcm(name: str) -> bytes:
    return pcm_of(sound_of(SAMPLES / f"{name}.flac")) + 3 * SECOND


@pytest.mark.timeout(600)
def test_a_recording_turns_on_a_light_of_home_assistant_also_after_a_restart_of_either_side(
    tmp_path: Path, models_directory: Path
) -> None:
    wyoming, debian = free_port(), tree()
    with (
        DaemonProcess(
            tmp_path,
            models_directory,
            wyoming={"listen": f"127.0.0.1:{wyoming}"},
            mqtt={"embedded_port": free_port()},
        ) as daemon,
        HomeAssistant(debian, f"home-{tmp_path.name}", free_port()) as home,
    ):
        daemon.start()
        home.start()
        setup = home.drive("setup", str(wyoming))
        assert setup["entry"] == {"type": "create_entry", "title": "kitchen", "reason": None}
        assert {"stt.kitchen", "conversation.kitchen", "wake_word.kitchen"} <= set(
            setup["entities"]
        )
        check(home, setup)
        # When Home Assistant has restarted
        home.stop()
        home.start()
        check(home, setup)
        # When the appliance has restarted
        assert daemon.stop()[0] == 0
        daemon.start()
        check(home, setup)


def check(home: HomeAssistant, setup: dict[str, str]) -> None:
    """The light is turned on by the sentence, and by no other speech."""
    home.drive("light", setup["token"], "off")
    other = home.say(setup, pcm("weather_talk"))
    assert other["events"][-1]["type"] in ("error", "run-end")
    assert other["light"] == "off"

    heard = home.say(setup, pcm("kitchen_light"))
    found = {event["type"]: event["data"] for event in heard["events"]}
    assert "error" not in found, heard["events"]
    assert found["stt-end"]["stt_output"]["text"] == "Turn on the kitchen light."
    response = found["intent-end"]["intent_output"]["response"]
    assert response["response_type"] == "action_done"
    assert heard["light"] == "on"


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
@pytest.mark.timeout(600)
def test_a_satellite_turns_on_a_light_of_home_assistant(
    tmp_path: Path, models_directory: Path, speech: Path
) -> None:
    wyoming, listen, debian = free_port(), free_port(), tree()
    for name in ("kitchen", "bedroom"):
        (tmp_path / name).mkdir()
    with (
        virtual_microphone(tmp_path) as microphone,
        DaemonProcess(
            tmp_path / "kitchen",
            models_directory,
            speaking={"engine": "espeak-ng"},
            wyoming={"listen": f"127.0.0.1:{wyoming}"},
            mqtt={"embedded_port": free_port()},
        ) as daemon,
        DaemonProcess(
            tmp_path / "bedroom",
            tmp_path / "no models",
            device={"name": "bedroom", "area": "bedroom"},
            listening={"trigger": "wake_word"},
            wake_word={"words": ["okay_nabu"]},
            satellite={"listen": f"127.0.0.1:{listen}"},
        ) as satellite,
        HomeAssistant(debian, f"satellite-{tmp_path.name}", free_port()) as home,
    ):
        daemon.start()
        satellite.mode, satellite.environment = "satellite", dict(microphone.environment)
        satellite.start()
        home.start()
        setup = home.drive("setup", str(wyoming))
        entry = home.drive("satellite", setup["token"], setup["pipeline"], str(listen))
        assert entry == {"type": "create_entry", "title": "bedroom", "reason": None}
        until(lambda: satellite.notified("recogniser connected"), satellite.said(), 60)
        states = home.drive("look", setup["token"])["states"]
        assert states["assist_satellite.bedroom"] == "idle"
        home.drive("light", setup["token"], "off")

        microphone.play(speech / "wake" / "okay_nabu" / "2.wav")
        microphone.play(SAMPLES / "kitchen_light.flac")
        until(
            lambda: home.drive("look", setup["token"])["states"]["light.kitchen_lamp"] == "on",
            satellite.said(),
            60,
        )
        assert "not understood" not in satellite.said()
