"""Keeps a connection from the recognising appliance to each satellite, with a thread for each."""

from __future__ import annotations

import logging
import socket
import threading
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
            try:
                with socket.create_connection((host, port), CONNECT_S) as stream:
                    failures = 0
                    self._serve(stream, address)
            except OSError as error:
                failures += 1
                if failures == 1:
                    reason = error.strerror or str(error)
                    logger.warning("the satellite at %s cannot be reached: %s", address, reason)
            self._stopping.wait(RETRY.delay_s(max(1, failures)))

    def _serve(self, stream: socket.socket, address: str) -> None:
        link = SatelliteLink(stream, self._services, self._requests, self._earshot, address)
        with self._lock:
            self._links.add(link)
        try:
            if not self._stopping.is_set():
                link.serve()
        except ClientGone:
            logger.info("the connection to the satellite at %s ended", address)
        except WyomingError as error:
            logger.warning("the satellite at %s: %s", address, error)
        except Exception as error:
            # One satellite's fault, or a bug that it met, must not end the appliance.
            message = "the connection to a satellite ended because of a bug in the appliance"
            logger.error(message, exc_info=without_words(error))  # noqa: TRY400
        finally:
            with self._lock:
                self._links.discard(link)
