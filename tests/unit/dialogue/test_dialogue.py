"""Sessions: from the opening of the ear to their end, with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from appliance.audio.earcons import Earcon
from appliance.config import Config, DeviceSettings, ListeningSettings
from appliance.dialogue.dialogue import Dialogue, filled, is_yes
from appliance.listening.listening_turn import Activation
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.values import Activity, Intent, Outcome, Result, Session, Source, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

SOUND = np.zeros(16, dtype=np.float32)


class Ear:
    """Notes its orders."""

    def __init__(self) -> None:
        self.openings: list[Activation] = []
        self.cancelled: list[str] = []
        self.deaf: list[bool] = []

    def listen(self, opening: Activation) -> None:
        self.openings.append(opening)

    def cancel(self, reason: str) -> None:
        self.cancelled.append(reason)

    def be_deaf(self, *, deaf: bool) -> None:
        self.deaf.append(deaf)


class Mouth:
    """Says everything at once."""

    def __init__(self, *, speaks: bool) -> None:
        self.speaks = speaks
        self.said: list[str] = []
        self.played: list[Earcon] = []
        self.hushed = 0

    def say(self, text: str, done: Callable[[], None]) -> None:
        self.said.append(text)
        done()

    def play(self, earcon: Earcon) -> None:
        self.played.append(earcon)

    def hush(self) -> None:
        self.hushed += 1


class Room:
    """A conversation whose every neighbour is in sight."""

    def __init__(self, *, speaks: bool = True, follow_up: bool = False) -> None:
        self.delivered: list[Result] = []
        self.sessions: list[Session] = []
        self.cancelled: list[str] = []
        self.shown: list[Activity] = []
        self.conversation = Dialogue(
            Config(
                device=DeviceSettings(language="en"),
                listening=ListeningSettings(follow_up=follow_up),
            ),
            deliver=lambda _job, result: self.delivered.append(result),
            declared=lambda: {
                "Lamp": DeclaredIntent("Lamp", response="The {area} lamp is on."),
                "Boiler": DeclaredIntent("Boiler", confirm=True),
                "Plain": DeclaredIntent("Plain"),
            },
            cancel_work=self.cancelled.append,
            show=self.shown.append,
            tell=self.sessions.append,
        )
        self.ear, self.mouth = Ear(), Mouth(speaks=speaks)
        self.conversation.hearing = self.ear  # type: ignore[assignment]
        self.conversation.voice = self.mouth  # type: ignore[assignment]

    def wake(self) -> None:
        self.conversation.on_open(Activation(Trigger.WAKE_WORD))

    def say(self, utterance_id: str, trigger: Trigger = Trigger.ALWAYS) -> Utterance:
        utterance = Utterance(utterance_id, SOUND, trigger, 0.0, 0.0)
        self.conversation.on_utterance(utterance)
        return utterance

    def hear(self, result: Result, *, reply: bool = False, trigger: Trigger | None = None) -> None:
        utterance = Utterance(result.id, SOUND, trigger or Trigger.WAKE_WORD, 0.0, 0.0, reply=reply)
        self.conversation.on_utterance(utterance)
        self.conversation.take(utterance, result)

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
    room = Room()
    room.wake()
    room.hear(intent("Lamp", area="kitchen"))

    assert [one.outcome for one in room.delivered] == [Outcome.INTENT]
    assert room.mouth.said == ["The kitchen lamp is on."]
    assert room.endings == ["intent: done"]
    assert {session.trigger for session in room.sessions} == {Trigger.WAKE_WORD}


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
    room = Room()
    room.wake()
    room.hear(result(outcome))

    assert room.endings == [ending]
    assert [one.outcome for one in room.delivered] == [outcome]


def test_an_answer_is_said() -> None:
    room = Room()
    room.wake()
    room.hear(result(Outcome.ANSWER, "why", answer="Because."))

    assert room.mouth.said == ["Because."]


def test_what_asks_for_a_yes_is_not_delivered_before_it() -> None:
    room = Room()
    room.wake()
    room.hear(intent("Boiler", "turn off the boiler."))

    assert room.delivered == []
    assert room.mouth.said == ["turn off the boiler?"]
    assert [opening.reply for opening in room.ear.openings] == [True]

    room.hear(reply("Yes, please."), reply=True)
    assert [one.outcome for one in room.delivered] == [Outcome.INTENT]
    assert room.endings == ["intent: done"]


@pytest.mark.parametrize("said", ["No.", "Yes, but not now.", "Thank you for watching!", None])
def test_without_a_clear_yes_it_is_cancelled(said: str | None) -> None:
    room = Room()
    room.wake()
    room.hear(intent("Boiler", "turn off the boiler"))
    room.hear(reply(said), reply=True)

    (delivered,) = room.delivered
    assert delivered.outcome is Outcome.CANCELLED
    assert delivered.reason is not None
    assert delivered.reason.startswith("not confirmed: ")
    assert len(room.endings) == 1


def test_a_question_is_asked_without_a_voice_too() -> None:
    room = Room(speaks=False)
    room.wake()
    room.hear(intent("Boiler", "turn off the boiler"))

    assert [opening.reply for opening in room.ear.openings] == [True]


@pytest.mark.parametrize(("yes", "outcome"), [(True, "intent"), (False, "cancelled")])
def test_the_button_may_answer_in_place_of_the_voice(yes: bool, outcome: str) -> None:  # noqa: FBT001
    room = Room()
    assert not room.conversation.confirm(yes=True)
    room.wake()
    room.hear(intent("Boiler", "turn off the boiler"))

    assert room.conversation.confirm(yes=yes)
    assert [one.outcome for one in room.delivered] == [outcome]
    assert not room.conversation.confirm(yes=yes)


def test_a_microphone_that_is_lost_during_a_question_confirms_nothing() -> None:
    room = Room()
    room.wake()
    room.hear(intent("Boiler", "turn off the boiler"))
    room.conversation.on_given_up(room.ear.openings[-1], "the microphone is gone")

    assert [one.outcome for one in room.delivered] == [Outcome.CANCELLED]
    assert room.endings == ["the microphone is gone"]


def test_an_old_reply_confirms_nothing_new() -> None:
    room = Room()
    room.wake()
    room.hear(reply("yes"), reply=True)

    assert room.delivered == []


@pytest.mark.parametrize("words", ["Stop!", "never mind", "Cancel.", "Stop! Stop!"])
def test_the_stop_phrase_ends_everything(words: str) -> None:
    room = Room()
    room.wake()
    room.hear(result(Outcome.NOT_UNDERSTOOD, words))

    (delivered,) = room.delivered
    assert (delivered.outcome, delivered.reason) == (Outcome.CANCELLED, "somebody said stop")
    assert room.mouth.hushed == 1
    assert room.endings == ["somebody said stop"]


def test_the_stop_phrase_ends_the_answer_of_an_earlier_session_that_is_still_being_written() -> (
    None
):
    room = Room()
    room.wake()
    asked = Utterance("asked-before", SOUND, Trigger.WAKE_WORD, 0.0, 0.0)
    room.conversation.on_utterance(asked)
    room.wake()
    room.hear(result(Outcome.CANCELLED, "stop"))

    assert room.cancelled == ["asked-before"]
    room.conversation.take(asked, result(Outcome.CANCELLED))
    assert room.endings == ["another one began", "somebody said stop"]


def test_a_sentence_for_which_there_is_no_room_ends_its_session() -> None:
    room = Room()
    utterance = Utterance("dropped", SOUND, Trigger.ALWAYS, 0.0, 0.0)
    room.conversation.on_utterance(utterance)
    room.conversation.on_dropped(utterance)
    room.conversation.stop("it was asked to stop")

    assert room.endings == ["too much waits already"]
    assert room.cancelled == []


def test_the_stop_phrase_also_ends_a_question() -> None:
    room = Room()
    room.wake()
    room.hear(intent("Boiler", "turn off the boiler"))
    room.hear(reply("stop"), reply=True)

    assert [one.outcome for one in room.delivered] == [Outcome.CANCELLED]


def test_the_ear_opens_again_where_the_owner_wants_it_and_silence_ends_that() -> None:
    room = Room(follow_up=True)
    room.wake()
    room.hear(intent("Lamp", area="kitchen"))
    (opening,) = room.ear.openings
    assert not opening.reply
    room.conversation.on_open(opening)
    room.hear(result(Outcome.NO_SPEECH))

    assert room.endings == ["intent: done", "nothing was said"]
    assert len(room.ear.openings) == 1


def test_a_session_of_an_always_open_ear_is_told_when_it_begins_and_when_it_ends() -> None:
    room = Room()
    room.hear(intent("Plain"), trigger=Trigger.ALWAYS)

    told = [(one.id, one.trigger, one.ended) for one in room.sessions]
    assert told == [
        ("id-1", Trigger.ALWAYS, None),
        ("id-1", Trigger.ALWAYS, "intent: done"),
    ]


def test_a_session_that_was_woken_names_its_result_while_it_is_worked_on() -> None:
    room = Room()
    room.wake()
    room.say("heard", Trigger.WAKE_WORD)

    assert [one.id for one in room.sessions] == ["", "heard"]
    assert room.endings == []
    assert not room.conversation.is_listening


def test_of_two_sentences_in_a_row_each_has_a_session_that_ends() -> None:
    room = Room()
    first, second = room.say("one"), room.say("two")
    room.conversation.take(first, msgspec.structs.replace(intent("Lamp"), id="one"))
    assert room.endings == ["another one began"]
    room.conversation.take(second, msgspec.structs.replace(intent("Lamp"), id="two"))

    assert room.endings == ["another one began", "intent: done"]
    assert [one.id for one in room.delivered] == ["one", "two"]
    assert len(room.mouth.said) == 2


def test_an_answer_that_comes_after_the_next_wake_is_delivered_but_not_said_into_it() -> None:
    room = Room()
    room.wake()
    asked = room.say("before", Trigger.WAKE_WORD)
    room.wake()
    answer = result(Outcome.ANSWER, "why", answer="Because.")
    room.conversation.take(asked, msgspec.structs.replace(answer, id="before"))

    assert [one.id for one in room.delivered] == ["before"]
    assert room.mouth.said == []
    assert room.endings == ["another one began"]
    assert room.conversation.is_listening


def test_a_second_wake_ends_the_first_session() -> None:
    room = Room()
    room.wake()
    room.wake()

    assert room.endings == ["another one began"]


def test_an_ear_that_was_closed_again_ends_the_session_with_that_reason() -> None:
    room = Room()
    room.wake()
    room.conversation.on_given_up(Activation(Trigger.WAKE_WORD), "the microphone is closed")

    assert room.endings == ["the microphone is closed"]


def test_while_it_speaks_it_is_deaf_and_shows_it() -> None:
    room = Room()
    room.conversation.on_speaking(True)  # noqa: FBT003
    room.conversation.on_speaking(False)  # noqa: FBT003

    assert room.ear.deaf == [True, False]
    assert room.shown == [Activity.SPEAKING, Activity.IDLE]


def test_an_always_open_ear_makes_no_sign_for_the_talk_in_the_room() -> None:
    room = Room()
    room.hear(result(Outcome.NOT_UNDERSTOOD, "what a day"), trigger=Trigger.ALWAYS)

    assert room.mouth.played == []
    assert len(room.delivered) == 1


def test_the_samples_of_a_trial_are_delivered_and_nothing_else() -> None:
    room = Room()
    room.hear(intent("Boiler", "turn off the boiler"), trigger=Trigger.SAMPLE)

    assert len(room.delivered) == 1
    assert room.ear.openings == []


def test_a_yes_is_nothing_but_words_that_say_yes() -> None:
    assert is_yes("Yes.", "en")
    assert is_yes("Ja, genau!", "de")
    assert is_yes("D\N{RIGHT SINGLE QUOTATION MARK}accord.", "fr")
    assert not is_yes("", "en")
    assert not is_yes("yes and turn on everything else", "en")
    assert not is_yes("not correct", "en")


def test_a_response_takes_the_values_of_the_slots() -> None:
    assert filled("The {area} is {level} %", {"area": "hall", "level": 5}) == "The hall is 5 %"
    assert filled("Done {unknown}", {}) == "Done"
