"""What becomes of an utterance, of a wake word, and of a sentence that will not come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.pipeline_parts import FixedBoard, RecordedEvents, RecordedLedger, commands_of

from appliance.dialogue.listener_control import Activation, Deafen, ListenerControl
from appliance.events import UtteranceHeard
from appliance.ids import Ids
from appliance.jobs.job_queue import JobQueue
from appliance.listening.speech_intake import SpeechIntake
from appliance.values import Outcome, Trigger, Utterance, Wake


class RecordedDialogue:
    """Keeps what it was told, and in which order."""

    language = "en"

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_utterance(self, utterance: Utterance) -> None:
        self.told.append(("utterance", utterance.id))

    def on_dropped(self, utterance: Utterance) -> None:
        self.told.append(("dropped", utterance.id))

    def on_given_up(self, activation: Activation, reason: str) -> None:
        self.told.append(("given up", activation.id, reason))


class CountedSpeech:
    """Keeps how often it was interrupted."""

    interruptions = 0

    def interrupt(self) -> None:
        self.interruptions += 1


class RecordedElection:
    """Keeps the wakes."""

    def __init__(self) -> None:
        self.wakes: list[Wake] = []

    def on_own_wake(self, wake: Wake, _level: object) -> None:
        self.wakes.append(wake)


class IntakeParts:
    """A speech intake and the parts around it."""

    def __init__(self) -> None:
        self.dialogue = RecordedDialogue()
        self.queue = JobQueue(maximum_requests=1, maximum_speech=1)
        self.ledger = RecordedLedger()
        self.speech = CountedSpeech()
        self.control = ListenerControl()
        self.events = RecordedEvents()
        self.election = RecordedElection()
        parts: dict[str, Any] = {
            "speech": self.speech,
            "control": self.control,
            "board": FixedBoard(),
            "events": self.events,
            "election": self.election,
        }
        self.intake = SpeechIntake(
            Ids(),
            self.dialogue,  # type: ignore[arg-type]
            self.queue,
            self.ledger,  # type: ignore[arg-type]
            **parts,
        )


@pytest.fixture
def parts() -> IntakeParts:
    return IntakeParts()


def utterance(name: str) -> Utterance:
    return Utterance(name, np.zeros(16, np.float32), Trigger.ALWAYS, 0.0, 0.0)


def test_an_utterance_begins_its_session_and_is_queued(parts: IntakeParts) -> None:
    assert parts.intake.accept_utterance(utterance("u"))

    queued = parts.queue.dequeue_job(0.0)
    assert queued is not None
    assert queued.job.id == "u"
    assert parts.dialogue.told == [("utterance", "u")]
    assert [event.utterance.id for event in parts.events.of(UtteranceHeard)] == ["u"]


def test_an_utterance_is_dropped_if_the_queue_is_full(parts: IntakeParts) -> None:
    parts.intake.accept_utterance(utterance("first"))

    assert not parts.intake.accept_utterance(utterance("second"))
    assert parts.dialogue.told[-1] == ("dropped", "second")


def test_a_wake_word_interrupts_speech_and_is_announced(parts: IntakeParts) -> None:
    wake = Wake("okay_nabu", 0.99, 0.65)
    parts.intake.on_wake(wake, None)

    assert parts.speech.interruptions == 1
    assert commands_of(parts.control) == [Deafen(deaf=False)]
    assert parts.election.wakes == [wake]


def test_a_requester_is_told_of_a_sentence_that_will_not_come(parts: IntakeParts) -> None:
    parts.intake.give_up(Activation(Trigger.REQUEST, id="asked"), "it was muted")

    (result,) = parts.ledger.results
    assert (result.id, result.outcome) == ("asked", Outcome.CANCELLED)
    assert result.reason == "it was muted"
    assert parts.dialogue.told == [("given up", "asked", "it was muted")]


def test_a_reply_that_does_not_come_has_no_result_of_its_own(parts: IntakeParts) -> None:
    parts.intake.give_up(Activation(Trigger.REQUEST, id="asked", reply=True), "nothing was said")

    assert parts.ledger.results == []
