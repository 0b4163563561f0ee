"""What is tried where no sentence fits: the nearest sentence, then the language model's choice."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.config import CascadeSettings
from appliance.errors import EngineDied, EngineError, Interrupted
from appliance.fallback.fuzzy_match import FuzzyMatcher
from appliance.fallback.intent_choice import IntentChooser
from appliance.fallback.sentence_patterns import patterns_of
from appliance.grammar.grammar import Grammar

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.fallback.intent_choice import IntentChoice
    from appliance.protocols import LanguageModel
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tools:
    """What is made of one set of sentences."""

    sentences: SentenceSet
    matcher: FuzzyMatcher
    chooser: IntentChooser


class Cascade:
    """The steps behind the grammar; the first that is sure enough has the word.

    Whatever comes out is a declared intent in one of its declared sentences.
    """

    def __init__(
        self, settings: CascadeSettings | None = None, *, repairs_speech: bool = True
    ) -> None:
        """`repairs_speech` is for who writes speech down freely.

        What was held against the sentences as sound, and refused, is not taken after all for
        being spelled alike.
        """
        self.settings = settings or CascadeSettings()
        self.repairs_speech = repairs_speech
        self._tools: _Tools | None = None
        self._making = threading.Lock()
        self._complained_of: str | None = None

    def prepare(
        self,
        sentences: SentenceSet,
        model: LanguageModel | None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make all that the first text would have to wait for."""
        tools = self._tools_for(sentences)
        if model is not None and self.settings.choose:
            tools.chooser.prepare(model, stopping)

    def repair(self, text: str, sentences: SentenceSet) -> Intent | None:
        """The intent of the nearest sentence, if it is near and no other is as near."""
        if not self.settings.repair:
            return None
        found = self._tools_for(sentences).matcher.match(text)
        if found is None or (found.intent.confidence or 0.0) < self.settings.repair_threshold:
            return None
        return found.intent if found.margin >= self.settings.repair_margin else None

    def choose(
        self,
        text: str,
        sentences: SentenceSet,
        model: LanguageModel,
        stopping: Callable[[], bool],
        *,
        spoken: bool,
    ) -> IntentChoice | None:
        """What the model chooses among the intents; None where it is not to be asked, or cannot.

        Raises:
            Interrupted: `stopping` said True.
            EngineDied: the model's process died of the text, twice.

        """
        if not self.settings.choose or (spoken and not self.settings.choose_speech):
            return None
        chooser = self._tools_for(sentences).chooser
        try:
            return chooser.choose(text, model, self.settings.choose_threshold, stopping)
        except (EngineDied, Interrupted):
            raise
        except EngineError as error:
            self._complain(str(error))
            return None

    def _complain(self, reason: str) -> None:
        """Once of each reason in turn: it may be the same with every text."""
        if reason != self._complained_of:
            self._complained_of = reason
            logger.warning("the language model cannot choose among the intents: %s", reason)

    def _tools_for(self, sentences: SentenceSet) -> _Tools:
        with self._making:
            if self._tools is None or self._tools.sentences is not sentences:
                patterns = patterns_of(sentences)
                declared = sentences.declared
                self._tools = _Tools(
                    sentences,
                    FuzzyMatcher(
                        Grammar.of(sentences.intents),
                        patterns,
                        {n for n in declared if declared[n].by_fuzzy},
                    ),
                    IntentChooser(
                        sentences,
                        patterns,
                        {name for name in declared if declared[name].by_model},
                        barred={name for name in declared if declared[name].never_by_voice},
                    ),
                )
            return self._tools
