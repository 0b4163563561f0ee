"""Queues one client's requests for the worker, waits, and cancels them if the client leaves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.config import MAXIMUM_AREA_LENGTH
from appliance.devices.sayable_devices import spoken_name
from appliance.errors import EngineError
from appliance.jobs.client_jobs import ResultInbox
from appliance.values import AREA, Operation

if TYPE_CHECKING:
    from appliance.jobs.client_jobs import ClientJobs
    from appliance.values import Result, Samples
    from appliance.wyoming_server.client_socket import ClientSocket
    from appliance.wyoming_server.outgoing_events import Context

logger = logging.getLogger(__name__)

MOST_NAMES = 500
"""Maximum number of names of one client. Compiling them takes half a second on a PC."""

LONGEST_LIST = 5000
"""Names of one client that are looked at."""

LONGEST_GIVEN_NAME = 200
"""Characters of a name that is looked at; a longer one is left out, as nobody says it."""

WAIT_LIMIT_S = 60.0
"""Time limit for a result, in seconds, in addition to that of the language model."""


class ClientRequests:
    """Belongs to the thread of one connection."""

    def __init__(self, client: ClientSocket, jobs: ClientJobs, answer_limit_s: float) -> None:
        self._client = client
        self._jobs = jobs
        self._answer_limit_s = answer_limit_s
        self._inbox = ResultInbox()
        self.names: tuple[str, ...] = ()
        """Names that the client has given, for this connection."""

    def result_of(
        self,
        operation: Operation,
        context: Context,
        *,
        text: str = "",
        samples: Samples | None = None,
    ) -> Result:
        """Queue a request and wait for its result; `context` may have the area of the speaker.

        The client's `names` are added to the list of names.

        Raises:
            ClientGone: the client has left meanwhile; the work is stopped.
            EngineError: it takes too long, or the queue is full.

        """
        limit_s = WAIT_LIMIT_S + (self._answer_limit_s if operation is Operation.ANSWER else 0.0)
        job_id = self._jobs.submit(
            self._inbox,
            operation,
            text=text,
            samples=samples,
            area=area_of(context),
            names=self.names,
        )
        if job_id is None:
            raise EngineError("too much waits already; try again in a moment")
        try:
            result = self._wait_for(job_id, limit_s)
        except BaseException:
            self._jobs.cancel(job_id)
            raise
        if result is None:
            self._jobs.cancel(job_id)
            raise EngineError(f"there was no result within {limit_s:g} s; try again")
        return result

    def _wait_for(self, job_id: str, limit_s: float) -> Result | None:
        while self._client.wait_for(self._inbox, limit_s):
            result = self._inbox.take()
            if result is not None and result.id == job_id:  # and not one that came too late
                return result
        return None

    def close(self) -> None:
        """Free the inbox; no request may follow."""
        self._inbox.close()


def names_of(given: list[str]) -> tuple[str, ...]:
    """The names of a client that can be said, in a fixed order, as many as a grammar may take.

    A longer list is cut off after MOST_NAMES, with a line in the log.
    """
    looked_at = [name for name in given[:LONGEST_LIST] if len(name) <= LONGEST_GIVEN_NAME]
    sayable = dict.fromkeys(filter(None, map(spoken_name, looked_at)))
    found = list(sayable)
    if len(found) > MOST_NAMES:
        logger.info("a Wyoming client gave %d names; the first %d are used", len(found), MOST_NAMES)
    return tuple(sorted(found[:MOST_NAMES]))


def area_of(context: Context) -> str:
    """The room that a client names; empty if it names none."""
    area = (context or {}).get(AREA)
    return area.strip()[:MAXIMUM_AREA_LENGTH] if isinstance(area, str) else ""
