"""Metrics for Prometheus, on loopback or a Unix socket; the only file that imports its client."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, Counter, Histogram, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from appliance.errors import NeededError
from appliance.values import BoardReading, Pace, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse

    from prometheus_client.core import Metric

    from appliance.values import Job, Result

logger = logging.getLogger(__name__)

SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

UNIX = "unix:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the appliance is like at the moment somebody asks."""

    reading: BoardReading
    pace: Pace
    speech_waiting: int
    requests_waiting: int
    outbox_rows: int
    outbox_bytes: int
    outbox_oldest_s: float | None = None
    """How long the oldest message has waited; None while none does."""
    inbox_rows: int
    dropped: dict[str, int]
    """By reason, since start or ever; only ever grows."""
    connected: bool
    uptime_s: float
    not_live: str | None = None
    """Why it had better be started anew; None where all turns as it should."""
    not_ready: str | None = None
    """Why it cannot do its work just now; None when it can. The broker is no reason: results
    wait on disk."""


class MetricsServer:
    """Counts jobs as they end, and asks for all else when it is read."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures
        registry = CollectorRegistry()
        self._jobs = Counter(
            "appliance_requests",
            "Pieces of work that ended: speech, and requests by their operation.",
            ["op", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "appliance_request_seconds",
            "From the end of speech, or from a request's arrival, to its result.",
            ["op"],
            buckets=SECONDS,
            registry=registry,
        )
        self._stt = Histogram(
            "appliance_stt_rtf",
            "Seconds of recognition for each second of sound.",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
            registry=registry,
        )
        registry.register(self)
        self._metrics = make_wsgi_app(registry)

    def note(self, job: Job, result: Result) -> None:
        """A job has ended. From any thread."""
        op = "speech" if isinstance(job, Utterance) else getattr(job, "operation", "text")
        timings = result.timings_ms
        self._jobs.labels(op, result.outcome).inc()
        total = timings.get("total_after_speech", timings.get("total"))
        if total is not None:
            self._seconds.labels(op).observe(total / 1000)
        if isinstance(job, Utterance) and job.seconds > 0 and "transcribe" in timings:
            self._stt.observe(timings["transcribe"] / 1000 / job.seconds)

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for when somebody reads."""
        now = self._figures()
        reading = now.reading
        depth = GaugeMetricFamily("appliance_queue_depth", "Work that waits.", labels=["kind"])
        depth.add_metric(["speech"], now.speech_waiting)
        depth.add_metric(["request"], now.requests_waiting)
        yield depth
        dropped = CounterMetricFamily(
            "appliance_dropped", "What was let go or turned away.", labels=["reason"]
        )
        for reason, count in now.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped
        pace = GaugeMetricFamily("appliance_pace", "1 for the pace in force.", labels=["pace"])
        for each in Pace:
            pace.add_metric([each], each is now.pace)
        yield pace
        for name, what, value in (
            ("outbox_messages", "Messages that wait for the broker.", now.outbox_rows),
            ("outbox_bytes", "Bytes that wait for the broker.", now.outbox_bytes),
            ("outbox_oldest_seconds", "Of the message that waits longest.", now.outbox_oldest_s),
            ("inbox_requests", "Requests accepted and not yet answered.", now.inbox_rows),
            ("broker_connected", "1 while there is a connection.", int(now.connected)),
            ("uptime_seconds", "Since the appliance was started.", now.uptime_s),
            ("soc_celsius", "Temperature of the processor.", reading.temperature_c),
            ("soc_mhz", "Clock of the processor.", reading.clock_mhz),
            ("soc_limit_mhz", "What the kernel allows it.", reading.clock_limit_mhz),
            ("fan_rpm", "Of the fastest fan.", reading.fan_rpm),
            ("supply_volts", "As a meter on the board says.", reading.volts),
            ("core_volts", "What the processor's core runs at.", reading.core_volts),
            ("power_watts", "As a meter on the board says.", reading.watts),
            ("memory_megabytes", "Resident memory, all processes.", reading.memory_used_mb),
            ("disk_free_megabytes", "Where the state lies.", reading.disk_free_mb),
        ):
            if value is not None:  # what the board cannot tell is absent, not nought
                yield GaugeMetricFamily(f"appliance_{name}", what, value=value)
        for name, what, total in (
            ("undervoltage", "How often the voltage fell too low.", reading.under_voltages),
            ("throttled", "How often the processor was held back.", reading.throttlings),
            ("energy_joules", "Drawn since the start.", reading.joules),
        ):
            if total is not None:
                yield CounterMetricFamily(f"appliance_{name}", what, value=total)

    def _answer(self, asked: dict[str, Any], begin: StartResponse) -> Iterable[bytes]:
        """`/healthz` and `/readyz` for a supervisor, the metrics on every other path."""
        path = asked.get("PATH_INFO")
        if path not in ("/healthz", "/readyz"):
            metrics: Iterable[bytes] = self._metrics(asked, begin)
            return metrics
        now = self._figures()
        problem = now.not_live or (now.not_ready if path == "/readyz" else None)
        kind = [("Content-Type", "text/plain; charset=utf-8")]
        begin("503 Service Unavailable" if problem else "200 OK", kind)
        return [f"{problem or 'ok'}\n".encode()]

    @contextlib.contextmanager
    def served(self, where: str) -> Iterator[None]:
        """Answer on `127.0.0.1:PORT`, `[::1]:PORT` or `unix:PATH`; NeededError where it cannot."""
        try:
            server = _server(where)
        except OSError as error:
            reason = error.strerror or str(error)
            raise NeededError(
                f"metrics cannot be served on {where}: {reason}; see metrics.listen"
            ) from error
        server.set_app(self._answer)
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="metrics", daemon=True
        )
        thread.start()
        logger.info("metrics for Prometheus on %s", where)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join(1.0)
            if where.startswith(UNIX):
                Path(where.removeprefix(UNIX)).unlink(missing_ok=True)


def _server(where: str) -> WSGIServer:
    if where.startswith(UNIX):
        path = where.removeprefix(UNIX)
        Path(path).unlink(missing_ok=True)  # of a run that did not end in order
        server: WSGIServer = _UnixServer(path, _Handler)  # type: ignore[arg-type]
        Path(path).chmod(0o666)  # whoever may enter the folder may read: counts and degrees
        return server
    host, _, port = where.rpartition(":")
    bare = host.strip("[]")
    kind = _Server6 if ":" in bare else _Server
    return kind((bare, int(port)), _Handler)


class _Handler(WSGIRequestHandler):
    timeout = 5
    """Seconds for one that asks slowly; meanwhile others wait."""

    def address_string(self) -> str:
        return "metrics"  # no name is looked up

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        logger.debug("metrics: %s", format % args)


class _Server(WSGIServer):
    """Binds without asking who it is: WSGIServer would look its own name up."""

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _UnixServer(_Server):
    address_family = socket.AF_UNIX
    allow_reuse_address = False

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        asking, _ = super().get_request()
        return asking, ("", 0)
