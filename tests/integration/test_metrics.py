"""Metrics as Prometheus reads them from a real socket."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance import __version__
from appliance.errors import NeededError
from appliance.system.metrics_server import Figures, MetricsServer
from appliance.values import (
    BoardReading,
    MicrophoneState,
    Outcome,
    Pace,
    Request,
    Result,
    Source,
    Trigger,
    Utterance,
)
from appliance.values import Operation as Op

SPOKEN = Utterance("u", np.zeros(32_000, np.float32), Trigger.ALWAYS, 0.0, 0.0)


def figures(reading: BoardReading, **more: Any) -> Figures:
    return Figures(
        **more,
        reading=reading,
        pace=Pace.EASED,
        speech_waiting=1,
        requests_waiting=2,
        outbox_rows=3,
        outbox_bytes=4000,
        inbox_rows=5,
        dropped={"outbox_full": 6},
        connected=True,
        uptime_s=7.0,
    )


def result(outcome: Outcome, **timings_ms: float) -> Result:
    return Result(
        id="u",
        source=Source.SPEECH,
        trigger=Trigger.ALWAYS,
        language="en",
        outcome=outcome,
        at="2026-01-01T00:00:00Z",
        timings_ms=timings_ms,
    )


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(connection: http.client.HTTPConnection) -> dict[tuple[str, tuple[str, ...]], float]:
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    text = answer.read().decode()
    connection.close()
    return samples(text)


def test_jobs_are_counted_by_operation_and_outcome(free_port: int) -> None:
    metrics = MetricsServer(lambda: figures(BoardReading()))
    with metrics.served(f"127.0.0.1:{free_port}"):
        for _ in range(2):
            metrics.count_job(
                SPOKEN, result(Outcome.INTENT, transcribe=100.0, total_after_speech=300.0)
            )
        metrics.count_job(Request("r", Op.PARSE, b"x"), result(Outcome.NOT_UNDERSTOOD, total=40.0))
        found = read(http.client.HTTPConnection("127.0.0.1", free_port, timeout=5))
    assert found["appliance_requests_total", ("speech", "intent")] == 2
    assert found["appliance_requests_total", ("parse", "not_understood")] == 1
    assert found["appliance_request_seconds_sum", ("speech",)] == pytest.approx(0.6)
    assert found["appliance_stt_rtf_sum", ()] == pytest.approx(0.1)
    assert found["appliance_queue_depth", ("request",)] == 2
    assert found["appliance_outbox_bytes", ()] == 4000
    assert found["appliance_dropped_total", ("outbox_full",)] == 6
    assert found["appliance_pace", ("eased",)] == 1
    assert found["appliance_pace", ("full",)] == 0


def test_a_value_that_the_board_cannot_measure_is_absent_and_not_0(free_port: int) -> None:
    reading = BoardReading(temperature_c=61.5, under_voltages=0, core_volts=0.85)
    with MetricsServer(lambda: figures(reading)).served(f"127.0.0.1:{free_port}"):
        found = read(http.client.HTTPConnection("127.0.0.1", free_port, timeout=5))
    assert found["appliance_soc_celsius", ()] == 61.5
    assert found["appliance_undervoltage_total", ()] == 0
    assert found["appliance_core_volts", ()] == 0.85
    assert ("appliance_power_watts", ()) not in found
    assert ("appliance_throttled_total", ()) not in found


def test_units_are_prometheus_s_base_units_and_the_state_of_every_part_is_there(
    free_port: int,
) -> None:
    reading = BoardReading(clock_mhz=1500, memory_used_mb=200.0, disk_free_mb=4000.0)
    more = {"model_restarts": 2, "faults": 3, "set_aside": 4, "damaged_journals": 1}
    values = figures(reading, microphone=MicrophoneState.LOST, **more)
    with MetricsServer(lambda: values).served(f"127.0.0.1:{free_port}"):
        found = read(http.client.HTTPConnection("127.0.0.1", free_port, timeout=5))
    assert found["appliance_soc_hertz", ()] == 1.5e9
    assert found["appliance_memory_bytes", ()] == 2e8
    assert found["appliance_disk_free_bytes", ()] == 4e9
    assert found["appliance_microphone", ("lost",)] == 1
    assert found["appliance_microphone", ("ok",)] == 0
    assert found["appliance_language_model_restarts_total", ()] == 2
    assert found["appliance_faults", ()] == 3
    assert found["appliance_set_aside_requests", ()] == 4
    assert found["appliance_damaged_journals_total", ()] == 1
    (build,) = (labels for name, labels in found if name == "appliance_build_info")
    assert __version__ in build
    assert not [name for name, _ in found if name.endswith(("_mhz", "_megabytes", "_mb"))]


def addresses_of_this_machine() -> list[str]:
    """Those that other machines would use; none where there is no network."""
    return [
        one.address
        for found in psutil.net_if_addrs().values()
        for one in found
        if one.family == socket.AF_INET and not one.address.startswith("127.")
    ]


def test_another_machine_reads_the_metrics_only_if_it_is_allowed(free_port: int) -> None:
    addresses = addresses_of_this_machine()
    if not addresses:
        pytest.skip("this machine has no address but its own")
    metrics = MetricsServer(lambda: figures(BoardReading()))
    for allow, answered in (([], False), (["203.0.113.0/24"], False), ([addresses[0]], True)):
        with metrics.served(f"{addresses[0]}:{free_port}", allow):
            connection = http.client.HTTPConnection(addresses[0], free_port, timeout=5)
            if answered:
                assert read(connection)["appliance_uptime_seconds", ()] == 7.0
            else:
                with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
                    read(connection)
            connection.close()


class UnixSocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def test_a_unix_socket_is_served_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics"
    path.touch()  # left by a killed run
    metrics = MetricsServer(lambda: figures(BoardReading()))
    with metrics.served(f"unix:{path}"):
        for _ in range(2):
            assert read(UnixSocketConnection(path))["appliance_uptime_seconds", ()] == 7.0
    assert not path.exists()


def test_a_port_in_use_is_reported_with_the_key_to_change(free_port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", free_port)),
        pytest.raises(NeededError, match=r"Address already in use; see metrics\.listen"),
        MetricsServer(lambda: figures(BoardReading())).served(f"127.0.0.1:{free_port}"),
    ):
        pass


def test_a_client_that_stops_sending_blocks_others_only_briefly(free_port: int) -> None:
    with (
        MetricsServer(lambda: figures(BoardReading())).served(f"127.0.0.1:{free_port}"),
        socket.create_connection(("127.0.0.1", free_port)) as silent,
    ):
        silent.sendall(b"GET /metr")
        found = read(http.client.HTTPConnection("127.0.0.1", free_port, timeout=20))
    assert found["appliance_uptime_seconds", ()] == 7.0


def said_of(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    words = answer.read().decode().strip()
    connection.close()
    return answer.status, words


def test_healthz_and_readyz_report_the_state_with_its_reason(free_port: int) -> None:
    state: dict[str, str | None] = {}
    with MetricsServer(lambda: figures(BoardReading(), **state)).served(f"127.0.0.1:{free_port}"):
        assert said_of(free_port, "/healthz") == (200, "ok")
        assert said_of(free_port, "/readyz") == (200, "ok")
        state["not_ready"] = "it is starting"
        assert said_of(free_port, "/healthz") == (200, "ok")
        assert said_of(free_port, "/readyz") == (503, "it is starting")
        state["not_live"] = "nothing has moved for 61 s"
        assert said_of(free_port, "/healthz") == (503, "nothing has moved for 61 s")
        assert said_of(free_port, "/readyz") == (503, "nothing has moved for 61 s")


def test_how_long_the_oldest_message_waits_is_a_metric(free_port: int) -> None:
    with MetricsServer(lambda: figures(BoardReading(), outbox_oldest_s=12.5)).served(
        f"127.0.0.1:{free_port}"
    ):
        found = read(http.client.HTTPConnection("127.0.0.1", free_port, timeout=5))
    assert found["appliance_outbox_oldest_seconds", ()] == 12.5
