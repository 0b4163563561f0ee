"""Tries a sentence or a recording for the page: it is understood, but not carried out."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from appliance.audio.decoder_process import decode_recording
from appliance.errors import ApplianceError
from appliance.values import Operation

if TYPE_CHECKING:
    from appliance.jobs.client_jobs import ClientJobs
    from appliance.values import Result, Samples

WAIT_S = 60.0
"""Time limit for a result, in seconds."""

LONGEST_TEXT = 1000
"""Characters of a sentence."""

BUSY = "too much waits already; try again in a moment"
LATE = "there was no result within a minute; try again"


class TrialRequests:
    """Its methods belong to the event loop of the HTTP server."""

    def __init__(self, jobs: ClientJobs, maximum_audio_s: float) -> None:
        self._jobs = jobs
        self._maximum_audio_s = maximum_audio_s
        self._decoding = asyncio.Lock()
        """One recording at a time: the threads are also those of every login."""

    async def parse(self, text: str, area: str) -> Result:
        """The meaning of a sentence.

        Raises:
            ApplianceError: it cannot be tried, and why.

        """
        if not text or len(text) > LONGEST_TEXT:
            raise ApplianceError(f"a sentence has 1 to {LONGEST_TEXT} characters")
        return await self._result_of(Operation.PARSE, area, text=text)

    async def recognize(self, recording: bytes, area: str) -> Result:
        """The meaning of a recording, in any form that `appliance listen` reads.

        Raises:
            ApplianceError: it cannot be tried, and why.

        """
        if not recording:
            raise ApplianceError("the recording is empty")
        async with self._decoding:
            samples = await asyncio.to_thread(
                decode_recording, recording, maximum_seconds=self._maximum_audio_s
            )
        return await self._result_of(Operation.RECOGNIZE, area, samples=samples)

    async def _result_of(
        self, operation: Operation, area: str, *, text: str = "", samples: Samples | None = None
    ) -> Result:
        waiting = WaitingForResult()
        job_id = self._jobs.submit(waiting, operation, text=text, samples=samples, area=area)
        if job_id is None:
            raise ApplianceError(BUSY)
        try:
            return await asyncio.wait_for(waiting.result, WAIT_S)
        except TimeoutError:
            self._jobs.cancel(job_id)
            raise ApplianceError(LATE) from None
        except asyncio.CancelledError:
            self._jobs.cancel(job_id)
            raise


class WaitingForResult:
    """Brings a result from the worker's thread to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Result] = self._loop.create_future()

    def deliver(self, result: Result) -> None:
        """Take the result, from another thread."""
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._take, result)

    def _take(self, result: Result) -> None:
        if not self.result.done():
            self.result.set_result(result)
