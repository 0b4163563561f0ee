"""Hears the reply to a question at a satellite: a yes carries out the command that waits."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from appliance.dialogue.yes_and_stop_words import phrases_for
from appliance.engines.silero import Silero
from appliance.values import Operation
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.client_endpointing import SpokenCommand
from appliance.wyoming_server.client_requests import ClientRequests

if TYPE_CHECKING:
    from appliance.satellites.satellite_requests import SatelliteRequests
    from appliance.values import Result, Samples
    from appliance.wyoming_server.client_socket import ClientSocket
    from appliance.wyoming_server.services import Services


class SpokenReply:
    """A `SoundPurpose`: the first thing that is said settles the question, and so does silence."""

    def __init__(
        self,
        client: ClientSocket,
        services: Services,
        requests: SatelliteRequests,
        request_id: str,
    ) -> None:
        """`request_id` is that of the command that waits for a yes."""
        self._client = client
        self._services = services
        self._requests = requests
        self._request_id = request_id
        self._sentence = SpokenCommand(
            Silero(), services.config.listening, None, after_wake_word=False
        )
        self.result: Result | None = None
        """Result of the command after the reply; None before, or if its time is over."""

    def hear(self, frame: Samples) -> bool:
        """Take a frame; True after the question is settled."""
        samples = self._sentence.hear(frame)
        if samples is None:
            return False
        self._settle(samples)
        return True

    def finish(self) -> None:
        """The sound is over."""
        self._settle(self._sentence.finish())

    def _settle(self, samples: Samples) -> None:
        text = self._words(samples) if len(samples) else ""
        yes = phrases_for(self._services.language).means_yes(text)
        why = "no yes was heard" if text else "nothing was said"
        self.result = self._requests.answer_question(self._request_id, yes=yes, why=why)
        carried_out = yes and self.result is not None
        words = text if carried_out else ""  # without words, the satellite gives its falling tone
        self._client.send(outgoing.transcript(words, self._services.language, None))

    def _words(self, samples: Samples) -> str:
        """Every word, because a yes is no declared sentence; raises as `ClientRequests`."""
        with closing(ClientRequests(self._client, self._services.jobs, 0.0)) as requests:
            result = requests.result_of(Operation.TRANSCRIBE, None, samples=samples)
        return result.text or ""
