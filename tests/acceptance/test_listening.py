"""What starts listening in a running appliance, and what it reports about its microphone."""

from __future__ import annotations

import contextlib
import json
import queue
import time
from pathlib import Path
from typing import Any

import pytest
from endurance.listening import sessions
from support.daemon_process import SAMPLES, DaemonProcess
from support.daemon_with_microphone import daemon_with_microphone
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.virtual_microphone import virtual_microphone
from support.waiting import until

ROOT = "appliance/kitchen"


IMPATIENT = (
    "import sys; from appliance.listening import listener; listener.NEGLECTED_AFTER = 4.0; "
    "from appliance.cli import main; sys.exit(main())"
)
"""The appliance, but it does not wait for half a minute before it reports that it hears nothing."""


def beats(daemon: DaemonProcess, seconds: float = 3.0) -> bool:
    """Whether systemd's watchdog is fed within so long."""
    daemon.notified("")
    before = len(daemon.notifications)
    time.sleep(seconds)
    daemon.notified("")
    return any("WATCHDOG=1" in one for one in daemon.notifications[before:])


def told(client: MqttClient, topic: str, wanted: Any, seconds: float = 30.0) -> dict[str, Any]:
    """The next message of a topic that is as wanted; those of other topics wait their turn."""
    waiting = client.__dict__.setdefault("waiting", [])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(queue.Empty):
            waiting.append(client.heard.get(timeout=0.05))
        while (message := next((one for one in waiting if one.topic == topic), None)) is not None:
            waiting.remove(message)
            payload: dict[str, Any] = json.loads(message.payload)
            if wanted(payload):
                return payload
    pytest.fail(f"nothing as wanted came on {topic} in {seconds:g} s")


def test_only_a_wake_word_starts_listening_and_only_for_one_sentence(
    tmp_path: Path, models_directory: Path, speech: Path
) -> None:
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/result",
        f"{ROOT}/state",
        listening={"trigger": "wake_word"},
        wake_word={"words": ["okay_nabu", "hey_jarvis"]},
    ) as (microphone, home, daemon):
        daemon.start()
        # A sentence without the word before it is none of its business.
        microphone.play(SAMPLES / "kitchen_light.flac")
        # With the word, it is.
        microphone.play(speech / "wake" / "okay_nabu" / "2.wav")
        told(home, f"{ROOT}/state", lambda now: now["activity"] == "listening")
        microphone.play(SAMPLES / "kitchen_light.flac")
        result = told(home, f"{ROOT}/result", lambda _: True)
        assert (result["trigger"], result["outcome"]) == ("wake_word", "intent")
        assert result["intent"]["slots"] == {"area": "kitchen", "domain": "light"}
        ended = told(home, f"{ROOT}/state", lambda now: (now["session"] or {}).get("ended"))
        assert ended["session"]["trigger"] == "wake_word"
        assert ended["session"]["ended"] == "intent: done"
        # The word and then nothing: it says so.
        microphone.play(speech / "wake" / "hey_jarvis" / "3.wav")
        result = told(home, f"{ROOT}/result", lambda _: True)
        assert (result["trigger"], result["outcome"]) == ("wake_word", "no_speech")


def session_of_an_open_ear(home: MqttClient) -> None:
    """`state` shows a session when somebody has spoken, and again when it has ended."""
    begun = told(
        home, f"{ROOT}/state", lambda now: (now["session"] or {}).get("trigger") == "always"
    )
    result = told(home, f"{ROOT}/result", lambda _: True)
    assert (result["trigger"], result["outcome"]) == ("always", "intent")
    assert begun["session"] == {"id": result["id"], "trigger": "always", "ended": None}
    ended = told(home, f"{ROOT}/state", lambda now: now["session"]["ended"])
    assert ended["session"] == begun["session"] | {"ended": "intent: done"}


def test_a_request_to_say_something_is_rejected_where_nothing_speaks(
    tmp_path: Path, models_directory: Path
) -> None:
    with daemon_with_microphone(tmp_path, models_directory, f"{ROOT}/#") as (_, home, daemon):
        daemon.start()
        home.publish(f"{ROOT}/request/say", b"Hello.")
        assert told(home, f"{ROOT}/response/say", lambda _: True)["state"] == "rejected"


def test_requests_start_listening_mute_the_microphone_and_change_the_trigger(
    tmp_path: Path, models_directory: Path
) -> None:
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/#",
        listening={"trigger": "always"},
    ) as (microphone, home, daemon):
        daemon.start()
        told(home, f"{ROOT}/health", lambda health: (health["sound"] or {}).get("level"))
        home.publish(f"{ROOT}/request/microphone", b'{"trigger": "request"}')
        answer = told(home, f"{ROOT}/response/microphone", lambda _: True)
        assert answer["data"]["trigger"] == "request"
        # Asked to listen, it hears one sentence.
        home.publish(f"{ROOT}/request/listen", b"")
        answer = told(home, f"{ROOT}/response/listen", lambda _: True)
        assert answer["state"] == "done"
        told(home, f"{ROOT}/state", lambda now: now["activity"] == "listening")
        microphone.play(SAMPLES / "kitchen_light.flac")
        result = told(home, f"{ROOT}/result", lambda _: True)
        assert result["id"] == answer["data"]["id"]
        assert (result["trigger"], result["outcome"]) == ("request", "intent")
        # Muted, the device is closed, and it cannot be asked.
        home.publish(f"{ROOT}/request/microphone", json.dumps({"muted": True}).encode())
        told(home, f"{ROOT}/health", lambda health: health["microphone"] == "muted")
        told(home, f"{ROOT}/state", lambda now: now["activity"] == "muted")
        until(lambda: microphone.listeners() == 0, "the device is still open")
        home.publish(f"{ROOT}/request/listen", b"")
        answer = told(home, f"{ROOT}/response/listen", lambda _: True)
        assert (answer["state"], answer["reason"]) == ("rejected", "unsupported")
        # A restart does not open it.
        daemon.stop()
        daemon.start()
        told(home, f"{ROOT}/health", lambda health: health["microphone"] == "muted")
        assert microphone.listeners() == 0
        # Open again, and always so; what is said then has a session from its end on.
        home.publish(f"{ROOT}/request/microphone", json.dumps({"muted": False}).encode())
        told(home, f"{ROOT}/health", lambda health: (health["sound"] or {}).get("level"))
        assert microphone.listeners() == 1
        microphone.play(SAMPLES / "kitchen_light.flac")
        session_of_an_open_ear(home)


def test_a_microphone_that_is_gone_is_reported_within_two_seconds_and_found_again(
    tmp_path: Path, models_directory: Path
) -> None:
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/health",
        f"{ROOT}/result",
        f"{ROOT}/partial",
        listening={"trigger": "always", "partial": True},
    ) as (microphone, home, daemon):
        daemon.start()
        microphone.play(SAMPLES / "kitchen_light.flac")
        told(home, f"{ROOT}/result", lambda _: True)
        words = told(home, f"{ROOT}/partial", lambda one: one["id"] is None)
        assert words["text"]
        health = told(home, f"{ROOT}/health", lambda now: now["sound"]["level"])
        assert health["sound"]["level"]["noise_floor_dbfs"] <= health["sound"]["level"]["peak_dbfs"]
        microphone.stop()
        told(home, f"{ROOT}/health", lambda now: now["microphone"] == "lost")
        assert not daemon.ended()
        microphone.start()
        told(home, f"{ROOT}/health", lambda now: now["microphone"] in ("ok", "silent"), 60)
        microphone.play(SAMPLES / "kitchen_light.flac")
        assert told(home, f"{ROOT}/result", lambda _: True)["outcome"] == "intent"
        health = told(home, f"{ROOT}/health", lambda now: now["sound"]["heard"] >= 2)
        assert health["sound"]["reopened"] >= 1


def test_a_device_that_opens_but_never_calls_back_is_reported_and_opened_again(
    tmp_path: Path, models_directory: Path
) -> None:
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/health",
        f"{ROOT}/result",
        f"{ROOT}/response/#",
        listening={"trigger": "always"},
    ) as (microphone, home, daemon):
        microphone.fall_dumb()
        daemon.start()
        told(home, f"{ROOT}/health", lambda now: now["microphone"] == "lost")
        home.publish(f"{ROOT}/request/listen", b"")
        answer = told(home, f"{ROOT}/response/listen", lambda _: True)
        assert (answer["state"], answer["reason"]) == ("rejected", "unsupported")
        microphone.speak_again()
        told(home, f"{ROOT}/health", lambda now: now["microphone"] in ("ok", "silent"), 60)
        microphone.play(SAMPLES / "kitchen_light.flac")
        assert told(home, f"{ROOT}/result", lambda _: True)["outcome"] == "intent"


def test_a_microphone_that_is_not_there_is_named_with_those_that_are_and_found_when_it_comes(
    tmp_path: Path, models_directory: Path
) -> None:
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/health",
        f"{ROOT}/state",
        microphone={"device": "headset"},
        listening={"trigger": "always"},
    ) as (_, home, daemon):
        daemon.start()
        told(home, f"{ROOT}/health", lambda now: now["microphone"] == "lost")
        told(home, f"{ROOT}/state", lambda now: now["activity"] == "fault")
        assert "no microphone matches microphone.device 'headset'; available: " in daemon.said()
        # As when it is plugged in.
        alsa = tmp_path / ".asoundrc"
        alsa.write_text(alsa.read_text("ascii") + "pcm.headset { type pulse }\n", "ascii")
        told(home, f"{ROOT}/health", lambda now: now["microphone"] in ("ok", "silent"), 60)


def test_a_sound_system_that_hangs_for_ever_starves_the_watchdog(
    tmp_path: Path, models_directory: Path
) -> None:
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/health",
        listening={"trigger": "always"},
    ) as (microphone, home, daemon):
        daemon.environment |= {"WATCHDOG_USEC": "1000000"}
        daemon.start(program=IMPATIENT)
        told(home, f"{ROOT}/health", lambda now: now["sound"]["level"])
        until(lambda: beats(daemon), "the watchdog is not fed")
        microphone.pause()  # it takes calls, and answers none
        try:
            told(home, f"{ROOT}/health", lambda now: now["microphone"] == "lost")
            # Tries to get it back count as care, until one of them hangs.
            until(lambda: not beats(daemon, 3.0) or daemon.ended(), "it is fed without sound", 30.0)
        finally:
            microphone.resume()


def test_without_any_sound_system_it_lives_and_serves_requests(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/#") as home,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            listening={"trigger": "always"},
            speaking={"engine": "auto", "earcons": True},
        ) as daemon,
    ):
        daemon.environment |= {"PULSE_SERVER": "unix:/nowhere", "HOME": str(tmp_path)}
        daemon.start()
        told(home, f"{ROOT}/health", lambda now: now["microphone"] == "lost")
        told(home, f"{ROOT}/state", lambda now: now["activity"] == "fault")
        home.publish(f"{ROOT}/request/parse", b"turn on the kitchen light")
        assert told(home, f"{ROOT}/response/parse", lambda now: now["result"])["state"] == "done"
        assert "there is no microphone; plug one in" in daemon.said()
        assert not daemon.ended()


@pytest.mark.long
def test_many_sessions_leak_no_memory_threads_or_descriptors(
    tmp_path: Path, models_directory: Path
) -> None:
    """The short form of endurance.listening."""
    with daemon_with_microphone(
        tmp_path,
        models_directory,
        f"{ROOT}/result",
        f"{ROOT}/health",
        f"{ROOT}/response/#",
        listening={"trigger": "request", "wait_s": 1.0},
    ) as (microphone, home, daemon):
        daemon.start()
        sessions(microphone, home, daemon, 8)


def one_went_on(home: MqttClient, heard: list[dict[str, Any]]) -> bool:
    """Take in what has come; whether there is a result, and somebody who yielded."""
    with contextlib.suppress(queue.Empty):
        while True:
            heard.append(json.loads(home.heard.get_nowait().payload))
    endings = [one["session"]["ended"] for one in heard if one.get("session")]
    yielded = any((ending or "").startswith("yielded to ") for ending in endings)
    return yielded and any("outcome" in one for one in heard)


@pytest.mark.long
def test_of_two_appliances_that_heard_the_wake_word_one_goes_on_and_the_other_yields(
    tmp_path: Path, models_directory: Path, speech: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        virtual_microphone(tmp_path) as microphone,
        MqttClient(broker.port, "appliance/+/result", "appliance/+/state", "earshot") as home,
        contextlib.ExitStack() as daemons,
    ):
        for name in ("hall", "kitchen"):
            (tmp_path / name).mkdir()
            daemon = daemons.enter_context(
                DaemonProcess(
                    tmp_path / name,
                    models_directory,
                    mqtt={"host": "127.0.0.1", "port": broker.port},
                    listening={"trigger": "wake_word"},
                    wake_word={"words": ["hey_jarvis"], "earshot": "earshot"},
                    device={"name": name},
                )
            )
            daemon.environment = microphone.environment
            daemon.start()
        time.sleep(4.0)  # a null sink takes two to bring its first sound
        microphone.play(speech / "wake" / "hey_jarvis" / "3.wav")
        microphone.play(SAMPLES / "kitchen_light.flac")
        heard: list[dict[str, Any]] = []
        until(lambda: one_went_on(home, heard), "nobody yielded, or nobody went on", 30)
        time.sleep(4.0)  # as long as a second result would take
        one_went_on(home, heard)
        announced = [one for one in heard if "score" in one]
        assert {one["device"] for one in announced} == {"hall", "kitchen"}
        assert [one["outcome"] for one in heard if "outcome" in one] == ["intent"]
