"""What a result becomes on MQTT."""

from __future__ import annotations

import msgspec
import pytest
from support.mqtt_stack import result_for

from appliance.errors import RequestError
from appliance.messages.request_payloads import Answer, RequestState
from appliance.messages.topics import Topics
from appliance.values import Intent, Operation, Outcome, Request, Result

TOPICS = Topics("site/line 1/voice", reply_prefixes=["home/"])
REQUEST = Request("id", Operation.PARSE, b"x", "t", reply_to="home/answers", correlation=b"\x01")


def test_every_result_is_published_on_result_and_an_intent_also_on_its_own_topic() -> None:
    said = result_for("turn on", "id", Outcome.INTENT)
    messages = list(TOPICS.messages_for(said))
    assert [message.topic for message in messages] == [
        "site/line 1/voice/result",
        "site/line 1/voice/intent/TurnOn",
    ]
    assert messages[0].payload == messages[1].payload
    assert not any(message.retain for message in messages)


def test_each_of_several_commands_that_was_done_is_on_its_own_topic_with_its_number() -> None:
    commands = tuple(Intent(name) for name in ("LampOn", "Lock", "FanOn"))
    several = msgspec.structs.replace(
        result_for("x", "id", Outcome.INTENT),
        intent=commands[0],
        intents=commands,
        not_done=(2,),
        acted=True,
    )
    _, *messages = TOPICS.messages_for(several)
    heard = [msgspec.json.decode(message.payload, type=Result) for message in messages]
    assert [message.topic.rpartition("/")[2] for message in messages] == ["LampOn", "FanOn"]
    assert [(one.part, one.intent) for one in heard] == [(1, commands[0]), (3, commands[2])]


def test_an_intent_that_was_only_parsed_is_not_on_its_own_topic() -> None:
    parsed = msgspec.structs.replace(result_for("turn on", "id", Outcome.INTENT), acted=False)
    topics = [message.topic for message in TOPICS.messages_for(parsed, REQUEST)]
    assert topics == ["site/line 1/voice/result", "home/answers"]


def test_the_requester_gets_its_answer_with_its_own_id() -> None:
    answer = list(TOPICS.messages_for(result_for("x", "id"), REQUEST))[-1]
    assert (answer.topic, answer.correlation) == ("home/answers", b"\x01")
    told = msgspec.json.decode(answer.payload, type=Answer)
    assert (told.state, told.transaction, told.operation) == (RequestState.DONE, "t", "parse")
    assert told.result == result_for("x", "id")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.INTENT, RequestState.DONE),
        (Outcome.NO_SPEECH, RequestState.DONE),
        (Outcome.NOT_UNDERSTOOD, RequestState.DONE),
        (Outcome.REFUSED, RequestState.DONE),
        (Outcome.EXPIRED, RequestState.EXPIRED),
        (Outcome.CANCELLED, RequestState.CANCELLED),
        (Outcome.FAILED, RequestState.FAILED),
    ],
)
def test_the_state_of_an_answer_follows_the_outcome(outcome: Outcome, state: RequestState) -> None:
    answer = list(TOPICS.messages_for(result_for("x", "id", outcome), REQUEST))[-1]
    assert msgspec.json.decode(answer.payload, type=Answer).state is state


def test_an_intents_name_cannot_leave_its_level() -> None:
    assert TOPICS.intent("Turn/On+#") == "site/line 1/voice/intent/Turn_On__"


def test_an_answer_may_go_only_where_the_configuration_allows_it_and_never_to_a_request() -> None:
    for fine in ("home/answers", "site/line 1/voice/response/me"):
        TOPICS.check_reply_to(fine)
    for wrong in (
        "",
        "a/#",
        "+",
        "a\x00",
        "$share/x",
        f"{TOPICS.root}/intent/X",
        "x" * 70_000,
        "other/a",
    ):
        with pytest.raises(RequestError):
            TOPICS.check_reply_to(wrong)
