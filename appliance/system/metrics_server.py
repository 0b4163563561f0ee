"""Serves Prometheus metrics on localhost or a Unix socket, with /healthz and /readyz."""

from __future__ import annotations

import contextlib
import logging
import platform
import socket
import socketserver
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, Counter, Histogram, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from appliance import __version__
from appliance.errors import NeededError
from appliance.system import local_addresses
from appliance.values import BoardReading, MicrophoneState, Pace, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from wsgiref.types import StartResponse

    from prometheus_client.core import Metric

    from appliance.values import Job, Result

logger = logging.getLogger(__name__)

SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

MEGA = 1e6

BUILD = {
    "version": __version__,
    "python": platform.python_version(),
    "machine": platform.machine(),
}

UNIX = "unix:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The values at the moment of a scrape."""

    reading: BoardReading
    pace: Pace
    speech_waiting: int
    requests_waiting: int
    outbox_rows: int
    outbox_bytes: int
    outbox_oldest_s: float | None = None
    """Seconds that the oldest message has waited; None if there is none."""
    inbox_rows: int
    dropped: dict[str, int]
    """Counters by reason; they never decrease."""
    connected: bool
    microphone: MicrophoneState = MicrophoneState.ABSENT
    model_restarts: int = 0
    """Restarts of the language model's process, since the start."""
    faults: int = 0
    """Number of faults in the file of the last faults."""
    set_aside: int = 0
    damaged_journals: int = 0
    uptime_s: float
    not_live: str | None = None
    """Reason to restart the process; None if it works."""
    not_ready: str | None = None
    """Reason why it cannot work now; None if it can. A broker that is away is not a reason, because
    results wait on disk."""


class MetricsServer:
    """Counts jobs as they end; every other value is read at each scrape."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._read_values = figures
        registry = CollectorRegistry()
        self._jobs = Counter(
            "appliance_requests",
            "Jobs that ended: speech, and requests by their operation.",
            ["op", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "appliance_request_seconds",
            "Seconds from the end of speech, or a request's arrival, to the result.",
            ["op"],
            buckets=SECONDS,
            registry=registry,
        )
        self._stt = Histogram(
            "appliance_stt_rtf",
            "Seconds of recognition per second of sound (real-time factor).",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
            registry=registry,
        )
        registry.register(self)
        self._metrics = make_wsgi_app(registry)

    def count_job(self, job: Job, result: Result) -> None:
        """Count a job that has ended. From any thread."""
        op = "speech" if isinstance(job, Utterance) else getattr(job, "operation", "text")
        timings = result.timings_ms
        self._jobs.labels(op, result.outcome).inc()
        total = timings.get("total_after_speech", timings.get("total"))
        if total is not None:
            self._seconds.labels(op).observe(total / 1000)
        if isinstance(job, Utterance) and job.seconds > 0 and "transcribe" in timings:
            self._stt.observe(timings["transcribe"] / 1000 / job.seconds)

    def collect(self) -> Iterator[Metric]:
        """The metrics of a scrape; called by the registry."""
        values = self._read_values()
        reading = values.reading
        depth = GaugeMetricFamily("appliance_queue_depth", "Jobs that wait.", labels=["kind"])
        depth.add_metric(["speech"], values.speech_waiting)
        depth.add_metric(["request"], values.requests_waiting)
        yield depth
        dropped = CounterMetricFamily(
            "appliance_dropped", "Messages and requests dropped or rejected.", labels=["reason"]
        )
        for reason, count in values.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped
        yield _one_of("pace", "1 for the current pace.", Pace, values.pace)
        state, help_text = values.microphone, "1 for the state of the microphone."
        yield _one_of("microphone", help_text, MicrophoneState, state, label="state")
        yield InfoMetricFamily("appliance_build", "What runs here.", value=BUILD)
        for name, help_text, value in (
            ("outbox_messages", "Messages that wait for the broker.", values.outbox_rows),
            ("outbox_bytes", "Bytes that wait for the broker.", values.outbox_bytes),
            (
                "outbox_oldest_seconds",
                "Age of the oldest message that waits.",
                values.outbox_oldest_s,
            ),
            ("inbox_requests", "Requests accepted and not yet answered.", values.inbox_rows),
            ("broker_connected", "1 while connected.", int(values.connected)),
            ("uptime_seconds", "Seconds since the start.", values.uptime_s),
            ("soc_celsius", "Temperature of the processor.", reading.temperature_c),
            ("soc_hertz", "Clock of the processor.", _times(MEGA, reading.clock_mhz)),
            (
                "soc_limit_hertz",
                "Highest clock that the kernel allows.",
                _times(MEGA, reading.clock_limit_mhz),
            ),
            ("fan_rpm", "Speed of the fastest fan.", reading.fan_rpm),
            ("supply_volts", "Supply voltage.", reading.volts),
            ("core_volts", "Voltage of the processor's core.", reading.core_volts),
            ("power_watts", "Power that the board draws.", reading.watts),
            (
                "memory_bytes",
                "Resident memory, all processes.",
                _times(MEGA, reading.memory_used_mb),
            ),
            (
                "disk_free_bytes",
                "Free space for the state directory.",
                _times(MEGA, reading.disk_free_mb),
            ),
            ("faults", "Faults in faults.jsonl, which keeps the last 50.", values.faults),
            ("set_aside_requests", "Dead letters: `appliance requests list`.", values.set_aside),
        ):
            if value is not None:  # what the board cannot measure is absent, not 0
                yield GaugeMetricFamily(f"appliance_{name}", help_text, value=value)
        for name, help_text, total in (
            ("undervoltage", "How often the voltage fell too low.", reading.under_voltages),
            ("throttled", "How often the processor was throttled.", reading.throttlings),
            ("energy_joules", "Energy since the start.", reading.joules),
            (
                "language_model_restarts",
                "How often the language model's process was started again.",
                values.model_restarts,
            ),
            (
                "damaged_journals",
                "Journals that were damaged, and replaced by what could be saved.",
                values.damaged_journals,
            ),
        ):
            if total is not None:
                yield CounterMetricFamily(f"appliance_{name}", help_text, value=total)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """`/healthz` and `/readyz` for a supervisor, the metrics on every other path."""
        path = environ.get("PATH_INFO")
        if path not in ("/healthz", "/readyz"):
            metrics: Iterable[bytes] = self._metrics(environ, start_response)
            return metrics
        values = self._read_values()
        problem = values.not_live or (values.not_ready if path == "/readyz" else None)
        kind = [("Content-Type", "text/plain; charset=utf-8")]
        start_response("503 Service Unavailable" if problem else "200 OK", kind)
        return [f"{problem or 'ok'}\n".encode()]

    @contextlib.contextmanager
    def served(self, address: str, allow: Sequence[str] = ()) -> Iterator[None]:
        """Serve metrics on `ADDRESS:PORT` or `unix:PATH` until the context ends.

        Only this machine and the addresses and networks in `allow` get an answer.

        Raises:
            NeededError: the address or path cannot be used.

        """
        try:
            server = _server(address, allow)
        except OSError as error:
            reason = error.strerror or str(error)
            raise NeededError(
                f"metrics cannot be served on {address}: {reason}; see metrics.listen"
            ) from error
        server.set_app(self._answer)
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="metrics", daemon=True
        )
        thread.start()
        logger.info("metrics for Prometheus on %s", address)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join(1.0)
            if address.startswith(UNIX):
                Path(address.removeprefix(UNIX)).unlink(missing_ok=True)


def _one_of(
    name: str, help_text: str, states: Iterable[str], current: str, label: str | None = None
) -> Metric:
    """A state as Prometheus expects it: 1 for the current one, 0 for every other."""
    family = GaugeMetricFamily(f"appliance_{name}", help_text, labels=[label or name])
    for each in states:
        family.add_metric([each], each == current)
    return family


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else factor * value


def _server(address: str, allow: Sequence[str]) -> WSGIServer:
    if address.startswith(UNIX):
        path = address.removeprefix(UNIX)
        Path(path).unlink(missing_ok=True)  # left by a crash
        server: WSGIServer = _UnixServer(path, _Handler)  # type: ignore[arg-type]
        Path(path).chmod(0o666)  # access is limited by the folder; these are only numbers
        return server
    host, _, port = address.rpartition(":")
    bare = host.strip("[]")
    kind = _Server6 if ":" in bare else _Server
    tcp = kind((bare, int(port)), _Handler)
    tcp.allow = allow
    return tcp


class _Handler(WSGIRequestHandler):
    timeout = 5
    """Seconds for a slow client; meanwhile others wait."""

    def address_string(self) -> str:
        return "metrics"  # without a DNS look-up

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        logger.debug("metrics: %s", format % args)


class _Server(WSGIServer):
    """Binds without a DNS look-up of its own name, which WSGIServer would make."""

    allow: Sequence[str] = ()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether this client may be answered; the connection of another is closed at once."""
        return local_addresses.is_allowed(client_address[0], self.allow)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _UnixServer(_Server):
    address_family = socket.AF_UNIX
    allow_reuse_address = False

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return True  # the folder of the socket decides

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        asking, _ = super().get_request()
        return asking, ("", 0)
