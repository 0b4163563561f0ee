"""Decides which commands need a yes before anything is done."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.devices.intent_plan import asked_of
from appliance.errors import DeviceError, SentencesError
from appliance.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.devices.device_registry import DeviceRegistry
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.values import Intent, Result

logger = logging.getLogger(__name__)


class ConfirmationRules:
    """An intent may be declared `confirm`, and so may a device that it moves. Any thread."""

    def __init__(self, sentences: ActiveSentences, registry: DeviceRegistry | None = None) -> None:
        """`registry` None: no device is known."""
        self._sentences = sentences
        self._registry = registry

    def needs_yes(self, result: Result) -> bool:
        """Whether a result needs a yes before anything acts on it.

        With several commands, one that needs it is enough: none of them is done before.
        """
        if result.outcome is not Outcome.INTENT:
            return False
        return self.commands_need_yes(result.commands, result.text or "", result.language)

    def commands_need_yes(self, intents: Iterable[Intent], text: str, language: str) -> bool:
        """Whether commands for later need a yes."""
        return any(self._needs_yes(intent, text, language) for intent in intents)

    def _needs_yes(self, intent: Intent, text: str, language: str) -> bool:
        declared = self._sentences.current.declared.get(intent.name)
        if declared is not None and declared.confirm:
            return True
        if self._registry is None:
            return False
        try:
            asked = asked_of(
                intent,
                declared,
                self._registry.devices,
                self._registry.rules,
                text=text,
                language=language,
            )
        except (DeviceError, SentencesError):
            return False  # nothing will be done
        except Exception as error:  # noqa: BLE001  (a bug must not end the worker or move a lock)
            # The error's text is left out of the log: it may have words of the request.
            message = "whether %s needs a yes is unknown because of a bug in the appliance (%s)"
            logger.error(message, intent.name, type(error).__name__)  # noqa: TRY400
            return True
        return any(isinstance(one, tuple) and one[0].needs_yes for one in asked)
