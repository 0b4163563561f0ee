"""Nothing leaves the network: every packet of a running appliance is captured and checked."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.network_namespace import BROKER, Packet, PacketCapture, inside, network_of_two
from support.waiting import until

ROOT = "appliance/kitchen"
PORT = 1883
PASSING = 32768
"""The kernel gives ports from here on to connections that ask for none."""

STRAY = """
import contextlib, socket
with contextlib.suppress(OSError):
    socket.getaddrinfo("huggingface.co", 443)
with contextlib.suppress(OSError):
    socket.create_connection(("198.51.100.7", 443), 0.3)
"""
"""What a library of ours must never do."""


@pytest.fixture
def spaces() -> Iterator[tuple[str, str]]:
    with network_of_two() as names:
        yield names


def strangers(packets: list[Packet]) -> list[Packet]:
    """All that is neither with the broker, nor the kernel's talk with neighbours, nor a pipe.

    paho wakes itself up through a connection over loopback, from one passing port to another.
    """
    return [
        packet
        for packet in packets
        if packet.protocol not in ("arp", "neighbours")
        and not packet.is_with(BROKER, PORT)
        and not (
            packet.protocol == "tcp"
            and packet.source == packet.target == "127.0.0.1"
            and packet.ports
            and min(packet.ports) >= PASSING
        )
    ]


def test_from_start_to_stop_nothing_is_sent_to_anybody_but_the_broker(
    spaces: tuple[str, str], tmp_path: Path, models_directory: Path
) -> None:
    appliance, outside = spaces
    with contextlib.ExitStack() as house:
        # Given a network in which there is only a broker, and a witness of every packet
        with inside(outside):
            lines = (f"listener {PORT} {BROKER}",)
            broker = house.enter_context(Mosquitto(tmp_path / "broker", lines=lines))
            topics = (f"{ROOT}/response/#", f"{ROOT}/result", f"{ROOT}/status")
            client = house.enter_context(MqttClient(broker.port, *topics))
        with inside(appliance):
            witness = house.enter_context(PacketCapture())
            # When the appliance starts, with speech, sentences and a language model
            daemon = house.enter_context(
                DaemonProcess(
                    tmp_path,
                    models_directory,
                    mqtt={"host": BROKER, "port": PORT},
                    listening={"trigger": "always"},
                    language_model={"enabled": True, "maximum_tokens": 8, "answers_speech": True},
                )
            )
            daemon.environment["PULSE_SERVER"] = "unix:/nowhere"
            daemon.start("--trial")
            # And hears, answers, reads its configuration again, is checked, and stops
            heard = json.loads(client.next(f"{ROOT}/result", 60).payload)
            assert heard["source"] == "speech"
            client.publish(f"{ROOT}/request/answer", "What is a lamp?")
            answer = {"state": "queued"}
            while answer["state"] == "queued":
                answer = json.loads(client.next(f"{ROOT}/response/answer", 60).payload)
            assert answer["state"] == "done"
            daemon.signal(signal.SIGHUP)
            until(lambda: "reloaded: " in daemon.said(), "it was not reloaded")
            assert "nothing outside the local network" in daemon.command("check").stdout
            assert daemon.stop()[0] == 0
            until(lambda: client.next(f"{ROOT}/status").payload == b"stopped")
            # Then all that was sent went to the broker
            assert strangers(witness.packets) == []
            assert sum(packet.is_with(BROKER, PORT) for packet in witness.packets) > 20

            # And the witness would have seen anything else: a name looked up, a connection
            subprocess.run([sys.executable, "-c", STRAY], check=True, timeout=60)
            until(lambda: any(p.target == "198.51.100.7" for p in witness.packets))
            if _asks_a_server():
                assert any(p.ports and p.ports[1] == 53 for p in strangers(witness.packets))


def _asks_a_server() -> bool:
    """Whether this machine looks names up by DNS; then a look-up is a packet to port 53."""
    try:
        settings = Path("/etc/resolv.conf").read_text(encoding="utf-8")
    except OSError:
        return False
    return "nameserver" in settings and not Path("/run/systemd/resolve/io.systemd.Resolve").exists()
