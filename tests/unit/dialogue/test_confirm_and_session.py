"""Sessions with a person, from the activation to their end, and what must be confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from support.pipeline_parts import RecordedEvents, RecordedLedger, commands_of
from support.sentences import sentence_set

from appliance.audio.earcons import Earcon
from appliance.config import Config, DeviceSettings, ListeningSettings
from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.dialogue.confirm_and_session import Dialogue, filled
from appliance.dialogue.listener_control import Activation, Listen, ListenerCommand, ListenerControl
from appliance.events import SessionChanged
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.values import (
    Intent,
    Outcome,
    Result,
    Session,
    Source,
    Trigger,
    Utterance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SOUND = np.zeros(16, dtype=np.float32)


class InstantSpeech:
    """Says everything at once."""

    def __init__(self, *, speaks: bool) -> None:
        self.speaks = speaks
        self.said: list[str] = []
        self.played: list[Earcon] = []
        self.interruptions = 0

    def say(self, text: str, done: Callable[[], None]) -> None:
        self.said.append(text)
        done()

    def play(self, earcon: Earcon) -> None:
        self.played.append(earcon)

    def interrupt(self) -> None:
        self.interruptions += 1


class RecordedQueue:
    """Keeps which jobs in progress were cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def cancel_in_progress(self, job_id: str) -> None:
        self.cancelled.append(job_id)


SENTENCES = sentence_set(
    {},
    DeclaredIntent("Lamp", response="The {area} lamp is on."),
    DeclaredIntent("Boiler", confirm=True),
    DeclaredIntent("Plain"),
)


class DialogueParts:
    """A dialogue, and what it did to the parts around it."""

    def __init__(
        self, *, language: str = "en", speaks: bool = True, follow_up: bool = False
    ) -> None:
        self.ledger = RecordedLedger()
        self.queue = RecordedQueue()
        self.control = ListenerControl()
        self.speech = InstantSpeech(speaks=speaks)
        self.events = RecordedEvents()
        self.commands: list[ListenerCommand] = []
        self.dialogue = Dialogue(
            Config(
                device=DeviceSettings(language=language),
                listening=ListeningSettings(follow_up=follow_up),
            ),
            self.ledger,  # type: ignore[arg-type]
            self.queue,  # type: ignore[arg-type]
            sentences=ActiveSentences(SENTENCES),
            rules=ConfirmationRules(ActiveSentences(SENTENCES)),
            listener=self.control,
            speech=self.speech,  # type: ignore[arg-type]
            events=self.events,
        )

    @property
    def delivered(self) -> list[Result]:
        return self.ledger.results

    @property
    def activations(self) -> list[Activation]:
        self.commands += commands_of(self.control)
        return [one.activation for one in self.commands if isinstance(one, Listen)]

    @property
    def sessions(self) -> list[Session]:
        return [event.session for event in self.events.of(SessionChanged)]

    def wake(self) -> None:
        self.dialogue.on_listening(Activation(Trigger.WAKE_WORD))

    def say(self, utterance_id: str, trigger: Trigger = Trigger.ALWAYS) -> Utterance:
        utterance = Utterance(utterance_id, SOUND, trigger, 0.0, 0.0)
        self.dialogue.on_utterance(utterance)
        return utterance

    def hear(self, result: Result, *, reply: bool = False, trigger: Trigger | None = None) -> None:
        utterance = Utterance(result.id, SOUND, trigger or Trigger.WAKE_WORD, 0.0, 0.0, reply=reply)
        self.dialogue.on_utterance(utterance)
        self.dialogue.confirm_result(utterance, result)

    @property
    def endings(self) -> list[str]:
        return [session.ended for session in self.sessions if session.ended is not None]


def result(outcome: Outcome, text: str | None = None, **more: Any) -> Result:
    return Result(
        id="id-1",
        source=Source.SPEECH,
        trigger=Trigger.WAKE_WORD,
        language="en",
        outcome=outcome,
        text=text,
        at="2026-01-01T00:00:00Z",
        **more,
    )


def intent(name: str, text: str = "", **slots: str) -> Result:
    return result(Outcome.INTENT, text, intent=Intent(name, dict(slots)))


def reply(text: str | None) -> Result:
    return result(Outcome.TRANSCRIPT if text else Outcome.NO_SPEECH, text)


def test_an_intent_is_delivered_its_response_is_said_and_the_session_ends() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(intent("Lamp", area="kitchen"))

    assert [one.outcome for one in parts.delivered] == [Outcome.INTENT]
    assert parts.speech.said == ["The kitchen lamp is on."]
    assert parts.endings == ["intent: done"]
    assert {session.trigger for session in parts.sessions} == {Trigger.WAKE_WORD}


@pytest.mark.parametrize(
    ("outcome", "ending"),
    [
        (Outcome.NO_SPEECH, "nothing was said"),
        (Outcome.NOT_UNDERSTOOD, "it was none of the sentences"),
        (Outcome.REFUSED, "it is refused"),
        (Outcome.FAILED, "it failed"),
    ],
)
def test_every_session_ends_with_its_reason(outcome: Outcome, ending: str) -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(result(outcome))

    assert parts.endings == [ending]
    assert [one.outcome for one in parts.delivered] == [outcome]


@pytest.mark.parametrize(
    ("answer", "said"),
    [("Hall lamp cannot be reached", ["Hall lamp cannot be reached"]), (None, [])],
)
def test_why_something_failed_is_said_if_there_are_words(
    answer: str | None, said: list[str]
) -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(result(Outcome.FAILED, "turn on the lamp", answer=answer))

    assert parts.speech.said == said
    assert parts.endings == ["it failed"]


def test_an_answer_is_said() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(result(Outcome.ANSWER, "why", answer="Because."))

    assert parts.speech.said == ["Because."]


def test_an_intent_that_needs_confirmation_is_not_published_before_the_yes() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(intent("Boiler", "turn off the boiler."))

    assert parts.delivered == []
    assert parts.speech.said == ["turn off the boiler? Say yes or no."]
    assert [activation.reply for activation in parts.activations] == [True]

    parts.hear(reply("Yes, please."), reply=True)
    assert [one.outcome for one in parts.delivered] == [Outcome.INTENT]
    assert parts.endings == ["intent: done"]


@pytest.mark.parametrize("said", ["No.", "Yes, but not now.", "Thank you for watching!", None])
def test_without_a_clear_yes_it_is_cancelled(said: str | None) -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(intent("Boiler", "turn off the boiler"))
    parts.hear(reply(said), reply=True)

    (delivered,) = parts.delivered
    assert delivered.outcome is Outcome.CANCELLED
    assert delivered.reason is not None
    assert delivered.reason.startswith("not confirmed: ")
    assert len(parts.endings) == 1


def test_a_question_is_asked_without_a_voice_too() -> None:
    parts = DialogueParts(speaks=False)
    parts.wake()
    parts.hear(intent("Boiler", "turn off the boiler"))

    assert [activation.reply for activation in parts.activations] == [True]


@pytest.mark.parametrize(("yes", "outcome"), [(True, "intent"), (False, "cancelled")])
def test_the_button_may_answer_in_place_of_the_voice(yes: bool, outcome: str) -> None:  # noqa: FBT001
    parts = DialogueParts()
    assert not parts.dialogue.answer_question(yes=True)
    parts.wake()
    parts.hear(intent("Boiler", "turn off the boiler"))

    assert parts.dialogue.answer_question(yes=yes)
    assert [one.outcome for one in parts.delivered] == [outcome]
    assert not parts.dialogue.answer_question(yes=yes)


def test_a_microphone_that_is_lost_during_a_question_confirms_nothing() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(intent("Boiler", "turn off the boiler"))
    parts.dialogue.on_given_up(parts.activations[-1], "the microphone is gone")

    assert [one.outcome for one in parts.delivered] == [Outcome.CANCELLED]
    assert parts.endings == ["the microphone is gone"]


def test_an_old_reply_confirms_nothing_new() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(reply("yes"), reply=True)

    assert parts.delivered == []


@pytest.mark.parametrize("words", ["Stop!", "never mind", "Cancel.", "Stop! Stop!"])
def test_the_stop_phrase_ends_everything(words: str) -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(result(Outcome.NOT_UNDERSTOOD, words))

    (delivered,) = parts.delivered
    assert (delivered.outcome, delivered.reason) == (Outcome.CANCELLED, "somebody said stop")
    assert parts.speech.interruptions == 1
    assert parts.endings == ["somebody said stop"]


def test_the_stop_phrase_ends_the_answer_of_an_earlier_session_that_is_still_being_written() -> (
    None
):
    parts = DialogueParts()
    parts.wake()
    asked = Utterance("asked-before", SOUND, Trigger.WAKE_WORD, 0.0, 0.0)
    parts.dialogue.on_utterance(asked)
    parts.wake()
    parts.hear(result(Outcome.CANCELLED, "stop"))

    assert parts.queue.cancelled == ["asked-before"]
    cancelled = msgspec.structs.replace(result(Outcome.CANCELLED), id="asked-before")
    parts.dialogue.confirm_result(asked, cancelled)
    assert parts.endings == ["another one began", "somebody said stop"]


def test_a_sentence_that_the_full_queue_drops_ends_its_session() -> None:
    parts = DialogueParts()
    utterance = Utterance("dropped", SOUND, Trigger.ALWAYS, 0.0, 0.0)
    parts.dialogue.on_utterance(utterance)
    parts.dialogue.on_dropped(utterance)
    parts.dialogue.stop("it was asked to stop")

    assert parts.endings == ["too much waits already"]
    assert parts.queue.cancelled == []


def test_only_the_session_with_the_given_id_is_stopped_and_its_work_is_cancelled() -> None:
    parts = DialogueParts()
    parts.say("heard")

    assert not parts.dialogue.stop_session("another", "it was stopped")
    assert parts.endings == []
    assert parts.dialogue.stop_session("heard", "it was stopped")
    assert parts.endings == ["it was stopped"]
    assert parts.queue.cancelled == ["heard"]
    assert not parts.dialogue.stop_session("heard", "it was stopped")


def test_the_stop_phrase_also_ends_a_question() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.hear(intent("Boiler", "turn off the boiler"))
    parts.hear(reply("stop"), reply=True)

    assert [one.outcome for one in parts.delivered] == [Outcome.CANCELLED]


def test_listening_starts_again_for_a_follow_up_and_silence_ends_it() -> None:
    parts = DialogueParts(follow_up=True)
    parts.wake()
    parts.hear(intent("Lamp", area="kitchen"))
    (activation,) = parts.activations
    assert not activation.reply
    parts.dialogue.on_listening(activation)
    parts.hear(result(Outcome.NO_SPEECH))

    assert parts.endings == ["intent: done", "nothing was said"]
    assert len(parts.activations) == 1


def test_with_the_trigger_always_a_session_is_reported_at_its_start_and_its_end() -> None:
    parts = DialogueParts()
    parts.hear(intent("Plain"), trigger=Trigger.ALWAYS)

    told = [(one.id, one.trigger, one.ended) for one in parts.sessions]
    assert told == [
        ("id-1", Trigger.ALWAYS, None),
        ("id-1", Trigger.ALWAYS, "intent: done"),
    ]


def test_a_session_that_was_woken_names_its_result_while_it_is_worked_on() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.say("heard", Trigger.WAKE_WORD)

    assert [one.id for one in parts.sessions] == ["", "heard"]
    assert parts.endings == []
    assert not parts.dialogue.is_listening


def test_of_two_sentences_in_a_row_each_has_a_session_that_ends() -> None:
    parts = DialogueParts()
    first, second = parts.say("one"), parts.say("two")
    parts.dialogue.confirm_result(first, msgspec.structs.replace(intent("Lamp"), id="one"))
    assert parts.endings == ["another one began"]
    parts.dialogue.confirm_result(second, msgspec.structs.replace(intent("Lamp"), id="two"))

    assert parts.endings == ["another one began", "intent: done"]
    assert [one.id for one in parts.delivered] == ["one", "two"]
    assert len(parts.speech.said) == 2


def test_an_answer_that_comes_after_the_next_wake_word_is_published_but_not_spoken() -> None:
    parts = DialogueParts()
    parts.wake()
    asked = parts.say("before", Trigger.WAKE_WORD)
    parts.wake()
    answer = result(Outcome.ANSWER, "why", answer="Because.")
    parts.dialogue.confirm_result(asked, msgspec.structs.replace(answer, id="before"))

    assert [one.id for one in parts.delivered] == ["before"]
    assert parts.speech.said == []
    assert parts.endings == ["another one began"]
    assert parts.dialogue.is_listening


def test_a_second_wake_ends_the_first_session() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.wake()

    assert parts.endings == ["another one began"]


def test_a_closed_microphone_ends_the_session_with_that_reason() -> None:
    parts = DialogueParts()
    parts.wake()
    parts.dialogue.on_given_up(Activation(Trigger.WAKE_WORD), "the microphone is closed")

    assert parts.endings == ["the microphone is closed"]


def test_with_the_trigger_always_background_talk_plays_no_earcon() -> None:
    parts = DialogueParts()
    parts.hear(result(Outcome.NOT_UNDERSTOOD, "what a day"), trigger=Trigger.ALWAYS)

    assert parts.speech.played == []
    assert len(parts.delivered) == 1


def test_the_samples_of_a_trial_are_delivered_and_nothing_else() -> None:
    parts = DialogueParts()
    parts.hear(intent("Boiler", "turn off the boiler"), trigger=Trigger.SAMPLE)

    assert len(parts.delivered) == 1
    assert parts.activations == []


def test_a_response_takes_the_values_of_the_slots() -> None:
    assert filled("The {area} is {level} %", {"area": "hall", "level": 5}) == "The hall is 5 %"
    assert filled("Done {unknown}", {}) == "Done"


def confirming(parts: DialogueParts, utterance_id: str, name: str = "Boiler") -> None:
    """A sentence that needs a yes."""
    utterance = parts.say(utterance_id)
    understood = msgspec.structs.replace(intent(name, "turn off the boiler"), id=utterance_id)
    parts.dialogue.confirm_result(utterance, understood)


def outcomes(parts: DialogueParts) -> list[tuple[str, Outcome]]:
    return [(one.id, one.outcome) for one in parts.delivered]


def test_a_wake_word_during_the_question_cancels_what_waits_and_loses_nothing() -> None:
    parts = DialogueParts()
    confirming(parts, "one")
    parts.wake()

    assert outcomes(parts) == [("one", Outcome.CANCELLED)]
    assert parts.delivered[0].reason == "not confirmed: another one began"


def test_of_two_sentences_that_need_a_yes_only_the_first_is_asked_about() -> None:
    parts = DialogueParts()
    confirming(parts, "one")
    confirming(parts, "two")
    assert outcomes(parts) == [("two", Outcome.CANCELLED)]

    assert parts.dialogue.answer_question(yes=True)
    assert outcomes(parts) == [("two", Outcome.CANCELLED), ("one", Outcome.INTENT)]


def test_a_result_that_needs_a_yes_asks_nothing_while_somebody_speaks_already() -> None:
    parts = DialogueParts()
    first = parts.say("one")
    parts.wake()
    understood = msgspec.structs.replace(intent("Boiler", "turn off the boiler"), id="one")
    parts.dialogue.confirm_result(first, understood)

    assert outcomes(parts) == [("one", Outcome.CANCELLED)]
    assert parts.speech.said == []
    assert parts.dialogue.is_listening


def test_a_reply_answers_only_the_question_that_was_open_when_it_was_spoken() -> None:
    parts = DialogueParts()
    confirming(parts, "one")
    late = Utterance("late", SOUND, Trigger.ALWAYS, 0.0, 0.0, reply=True)
    parts.dialogue.on_utterance(late)
    parts.dialogue.answer_question(yes=False)
    confirming(parts, "two")
    parts.dialogue.confirm_result(late, msgspec.structs.replace(reply("yes"), id="late"))

    assert outcomes(parts) == [("one", Outcome.CANCELLED)]


def test_what_waits_for_a_yes_is_cancelled_at_a_stop() -> None:
    parts = DialogueParts()
    confirming(parts, "one")
    parts.dialogue.stop("the appliance stops")

    assert outcomes(parts) == [("one", Outcome.CANCELLED)]
