"""Keeps a connection from the recognising appliance to each satellite, with a thread for each."""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from appliance.backoff import Backoff
from appliance.errors import WyomingError
from appliance.jobs.finished_job_log import without_words
from appliance.satellites.satellite_link import SatelliteLink
from appliance.threads import Deadline, LoopBody
from appliance.wyoming_server.client_socket import ClientGone

if TYPE_CHECKING:
    from appliance.listening.earshot import Earshot
    from appliance.satellites.satellite_requests import SatelliteRequests
    from appliance.wyoming_server.services import Services

logger = logging.getLogger(__name__)

CONNECT_S = 5.0

POLL_S = 0.2
"""Seconds that a turn waits; a stop is noticed no later."""

STOP_S = 1.0
"""Seconds for all connections to end at a stop."""

LASTING_S = 60.0
"""A connection that lasted as long was a good one: its end is told, and tried again at once."""

RETRY = Backoff(1.0, 30.0, jitter=0.5)


class SatelliteConnections(LoopBody):
    """`start`, `turn` and `stop` belong to a Loop."""

    def __init__(self, services: Services, requests: SatelliteRequests, earshot: Earshot) -> None:
        """Nothing is opened yet."""
        self._services = services
        self._requests = requests
        self._earshot = earshot
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._links: set[SatelliteLink] = set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to connect."""
        for host, port in self._services.config.wyoming.satellite_addresses:
            thread = threading.Thread(
                target=self._keep_connected, args=(host, port), name="satellite", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def turn(self) -> None:
        """Wait a moment; the threads do the work."""
        self._stopping.wait(POLL_S)

    def stop(self) -> None:
        """End every connection."""
        self._stopping.set()
        with self._lock:
            for link in self._links:
                link.close()
        deadline = Deadline(STOP_S)
        for thread in self._threads:
            thread.join(deadline.left())

    def _keep_connected(self, host: str, port: int) -> None:
        address, failures = f"{host}:{port}", 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with socket.create_connection((host, port), CONNECT_S) as stream:
                    why = self._serve(stream, address)
            except OSError as error:
                why = (
                    f"cannot be reached: {error.strerror or error}; does `appliance satellite` "
                    "run there, and does its satellite.listen have this address and port?"
                )
            failures = 1 if time.monotonic() - began >= LASTING_S else failures + 1
            if failures == 1 and not self._stopping.is_set():
                logger.warning("the satellite at %s %s", address, why)
            self._stopping.wait(RETRY.delay_s(failures))

    def _serve(self, stream: socket.socket, address: str) -> str:
        """Serve one connection to its end; why it ended."""
        link = SatelliteLink(stream, self._services, self._requests, self._earshot, address)
        with self._lock:
            self._links.add(link)
        try:
            if not self._stopping.is_set():
                link.serve()
        except ClientGone:
            pass
        except WyomingError as error:
            return f"sends what no satellite sends: {error}"
        except Exception as error:
            # One satellite's fault, or a bug that it met, must not end the appliance.
            message = "the connection to a satellite ended because of a bug in the appliance"
            logger.error(message, exc_info=without_words(error))  # noqa: TRY400
        finally:
            with self._lock:
                self._links.discard(link)
        return (
            "ended the connection; is it still running, and has its satellite.allow the address "
            "of this appliance?"
        )
