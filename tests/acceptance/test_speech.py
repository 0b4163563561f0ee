"""Somebody speaks, and a message is on MQTT."""

from __future__ import annotations

import json
from pathlib import Path

from brokers import Client, Mosquitto, until
from owner import SAMPLES, Owner
from sound import room

ROOT = "appliance/kitchen"


def test_a_spoken_sentence_becomes_a_message_on_the_topic_of_its_intent(
    tmp_path: Path, models_directory: Path
) -> None:
    # Given a microphone, a broker, and a lamp that subscribes to its intent
    with (
        Mosquitto(tmp_path / "broker") as broker,
        room(tmp_path) as place,
        Client(broker.port, f"{ROOT}/intent/HassTurnOn", f"{ROOT}/result") as lamp,
        Owner(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            listening={"trigger": "always"},
        ) as owner,
    ):
        owner.environment = place.environment
        owner.start()
        # When somebody says a sentence in the room
        place.play(SAMPLES / "kitchen_light.flac")
        # Then the lamp hears of it, once, with the room that was named
        heard = lamp.next(f"{ROOT}/intent/HassTurnOn", 30)
        result = json.loads(heard.payload)
        assert result["intent"]["slots"] == {"area": "kitchen", "domain": "light"}
        assert result["outcome"] == "intent"
        assert result["trigger"] == "always"
        assert result["timings_ms"]["total_after_speech"] > 0
        # And the log tells the owner of the job, but not what was said
        assert "answered speech" in owner.said()
        assert "kitchen light" not in owner.said().lower()
        # And nothing is left on disk once the broker has acknowledged it
        until(lambda: waiting_on_disk(owner.state) == 0, "the outbox is not empty")


def test_a_trial_plays_the_samples_and_ends_well_when_each_is_understood(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    with Owner(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as owner:
        owner.write(listening={"trigger": "always"})
        owner.start("--once", ready=False)
        assert owner.status(120) == 0, owner.said()
        said = owner.said()
        assert "8 of 8 samples gave what was expected" in said
        assert f"on {ROOT}/intent/HassTurnOn, " in said
        assert "no connection" not in said


def test_a_trial_ends_badly_when_a_sample_is_not_understood_as_expected(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    # Given sentences under which most samples mean nothing
    folder = tmp_path / "sentences" / "en"
    folder.mkdir(parents=True)
    (folder / "one.yaml").write_text(
        "language: en\nintents: {Tea: {data: [{sentences: ['make some tea']}]}}\n"
    )
    with Owner(
        tmp_path,
        models_directory,
        mqtt={"embedded_port": free_port},
        listening={"trigger": "always"},
        sentences={"folder": str(tmp_path / "sentences")},
    ) as owner:
        owner.start("--once", ready=False)
        assert owner.status(120) == 1
        assert "2 of 8 samples gave what was expected" in owner.said()
        assert "not as expected: kitchen_light.flac" in owner.said()


def test_what_is_said_while_the_broker_is_away_arrives_when_it_returns(
    tmp_path: Path, models_directory: Path
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    with Owner(
        tmp_path,
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        listening={"trigger": "always"},
    ) as owner:
        # Given a broker that is not there, and a sentence that has been understood
        owner.environment["PULSE_SERVER"] = "unix:/nowhere"
        owner.start("--trial")
        until(lambda: "answered speech" in owner.said(), "nothing was heard", 60)
        # When the appliance is stopped, started anew, and the broker comes
        assert owner.stop()[0] == 0
        assert waiting_on_disk(owner.state) >= 2
        with broker, Client(broker.port, f"{ROOT}/intent/#") as lamp:
            owner.start()
            # Then the message comes
            heard = lamp.next(seconds=60)
            assert heard.topic == f"{ROOT}/intent/HassTurnOn"


def waiting_on_disk(state: Path) -> int:
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(f"file:{state}/journal.db?mode=ro", uri=True) as database:
        count: int = database.execute("SELECT count(*) FROM outbox").fetchone()[0]
    database.close()
    return count
