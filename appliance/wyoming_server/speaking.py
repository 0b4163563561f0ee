"""Speech for a client: a text at once, or in pieces, each sentence as soon as it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.dialogue.speech_output import sentences_in
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.pcm_frames import pcm_of

if TYPE_CHECKING:
    from appliance.protocols import Synthesizer
    from appliance.wyoming_server.client_socket import ClientSocket

PIECE_BYTES = 8_192
"""Size of one `audio-chunk`."""


class Speaking:
    """One text, from its first piece to its end."""

    def __init__(self, synthesizer: Synthesizer, client: ClientSocket) -> None:
        self._synthesizer = synthesizer
        self._client = client
        self._text = ""
        self._rate: int | None = None
        """Sample rate of the sound that has begun; None before."""

    def add(self, text: str) -> None:
        """Take a piece of the text; speak the sentences that are complete with it.

        Raises:
            ClientGone: the client has left.
            EngineError: the engine failed.

        """
        self._text += text
        *complete, rest = sentences_in(self._text) or [""]
        if complete:
            # Text after a sentence may still belong to it, unless another sentence follows.
            self._text = rest
            self._speak(complete)

    def finish(self) -> None:
        """Speak the rest of the text; raises as `add`."""
        self._speak(sentences_in(self._text))
        if self._rate is not None:
            self._client.send(outgoing.sound_stop())

    def _speak(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._client.check()
            spoken = self._synthesizer.speak(sentence)
            if self._rate is None:
                self._rate = spoken.rate
                self._client.send(outgoing.sound_start(spoken.rate))
            pcm = pcm_of(spoken.samples)
            for start in range(0, len(pcm), PIECE_BYTES):
                piece = pcm[start : start + PIECE_BYTES]
                self._client.send(outgoing.sound(spoken.rate, piece))
