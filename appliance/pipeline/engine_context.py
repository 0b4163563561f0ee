"""What thinking needs: the engines, the sentences, and what the board is like just now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliance.fallback.cascade import Cascade
from appliance.fallback.chat_history import ChatHistory

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.protocols import LanguageModel, Transcriber
    from appliance.recognition.recogniser import Recogniser
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Pace, Request, Samples


@dataclass(slots=True)
class EngineContext:
    """All that turns work into results. `sentences` may be replaced while it works."""

    recogniser: Recogniser
    """For what was said at the device."""
    transcriber: Transcriber
    """For sound in which anything may be said."""
    sentences: SentenceSet
    language_model: LanguageModel | None
    """None where the config allows no answers."""
    decode: Callable[[bytes], Samples]
    """A sound file's bytes to samples; AudioError where they are none."""
    answers_speech: bool = False
    """Whether the language model answers speech that no sentence fits, too."""
    means_stop: Callable[[str], bool] = lambda _: False
    """Whether a text asks for nothing but an end of all that goes on."""
    no_speech_threshold: float = 0.6
    """A probability that nobody spoke above this makes silence of a transcript."""
    speech_seconds: Callable[[Samples], float] | None = None
    """Seconds of speech in the sound of a request; None takes all of it for speech."""
    ease: Callable[[Pace], None] = lambda _: None
    """Tells the engines before each job how hard the board may work."""
    cascade: Cascade = field(default_factory=Cascade)
    """What is tried where no sentence fits."""
    sessions: ChatHistory = field(default_factory=lambda: ChatHistory(turns=4, minutes=10.0))
    """What was asked and answered before."""
    tells_time: bool = False
    """Whether the language model is told date and time with each question."""
    tell: Callable[[Request, str], None] = lambda _request, _text: None
    """Takes an answer so far, where its requester wants to see it being written."""
