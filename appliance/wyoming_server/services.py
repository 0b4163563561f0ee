"""The services for clients: the parts of the daemon that do the work, and the limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.engines.wake_word import wake_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.config import Config
    from appliance.engines.wake_word.wake_words import Word
    from appliance.jobs.client_jobs import ClientJobs
    from appliance.protocols import Synthesizer
    from appliance.recognition.service import RecognitionService
    from appliance.sentences.active_sentences import ActiveSentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services, shared by all connections."""

    config: Config
    jobs: ClientJobs
    recognition: RecognitionService
    sentences: ActiveSentences
    synthesizer: Synthesizer | None
    """The speech synthesis; None: no `tts` is offered."""
    wake_words: Sequence[Word]

    @classmethod
    def of(
        cls,
        config: Config,
        jobs: ClientJobs,
        recognition: RecognitionService,
        sentences: ActiveSentences,
        synthesizer: Synthesizer | None,
    ) -> Services:
        """The services that the configuration allows.

        Raises:
            ModelMissing: a wake word is not there.

        """
        return cls(
            config=config,
            jobs=jobs,
            recognition=recognition,
            sentences=sentences,
            synthesizer=synthesizer,
            wake_words=wake_words.find(config.wake_word.words, config.wake_word.thresholds),
        )

    @property
    def name(self) -> str:
        """Name of every program, after which Home Assistant names its entities."""
        return self.config.name

    @property
    def language(self) -> str:
        """The only one, as a code of ISO 639."""
        return self.config.device.language

    @property
    def dictation(self) -> bool:
        """Whether a client that names no model gets every word."""
        return self.config.wyoming.dictation

    @property
    def answers(self) -> bool:
        """Whether what is no sentence may be answered by the language model."""
        settings = self.config.language_model
        return settings.enabled and settings.answers_speech
