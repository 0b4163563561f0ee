"""Several appliances take work from one queue, and one of them dies."""

from __future__ import annotations

import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto

from appliance.client import Client

pytestmark = pytest.mark.long

QUEUE = "plant/voice"
MEMBERS = ("one", "two", "three")


def test_work_is_shared_out_and_the_share_of_one_that_dies_is_done_by_the_others(
    tmp_path: Path, models_directory: Path
) -> None:
    # Given three appliances on one broker, with one queue
    with contextlib.ExitStack() as plant:
        broker = plant.enter_context(Mosquitto(tmp_path / "broker", persistent=True))
        daemons = []
        for name in MEMBERS:
            folder = tmp_path / name
            folder.mkdir()
            daemon = plant.enter_context(
                DaemonProcess(
                    folder,
                    models_directory,
                    device={"name": name},
                    mqtt={
                        "host": "127.0.0.1",
                        "port": broker.port,
                        "group": "voice",
                        "group_root": QUEUE,
                    },
                )
            )
            daemons.append(daemon.start())
        client = plant.enter_context(
            Client("127.0.0.1", broker.port, root=QUEUE, resend_after_s=1.0)
        )
        # When work comes in, and in the middle of it the power of one fails
        with ThreadPoolExecutor(4) as askers:
            work = [askers.submit(client.parse, "stop machine three", 60.0) for _ in range(60)]
            while sum(one.done() for one in work) < 15:
                time.sleep(0.01)
            daemons[0].signal(signal.SIGKILL)
            # Then each request is answered
            results = [one.result() for one in work]
        assert [result["intent"]["slots"] for result in results] == [{"machine": 3}] * 60
        # And each of them has had its share
        assert all("answered parse request" in daemon.said() for daemon in daemons)


def test_a_request_of_the_shared_queue_can_be_cancelled_at_any_member(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port, "group": "g", "group_root": QUEUE},
            language_model={
                "enabled": True,
                "maximum_tokens": 1500,
                "temperature": 1.0,
                "system_prompt": "Write a very long story.",
            },
        ) as daemon,
        Client("127.0.0.1", broker.port, root=QUEUE) as client,
        ThreadPoolExecutor(2) as askers,
    ):
        daemon.start()
        at_work = askers.submit(client.ask, "answer", b"Tell me a story.", 60.0, id="one")
        waiting = askers.submit(client.ask, "answer", b"Tell me another.", 60.0, id="two")
        time.sleep(1.0)
        for name in (b"two", b"one"):
            cancelled = client.ask("cancel", name)
            assert cancelled["data"] == {"cancelled": 1}
        outcomes = [one.exception() for one in (at_work, waiting)]
        assert [getattr(outcome, "state", None) for outcome in outcomes] == ["cancelled"] * 2
