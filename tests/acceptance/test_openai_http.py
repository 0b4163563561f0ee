"""Programs that know OpenAI's interface use the board over HTTP, through the same queue as MQTT."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import openai
import pytest
from support.daemon_process import REPOSITORY, SAMPLES, DaemonProcess
from support.free_port import free_port
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.recordings import sound_of
from support.waiting import until

from appliance.audio.encode import FORMATS, encoded
from appliance.values import SAMPLE_RATE, Spoken

SPEECH_MODEL, LANGUAGE_MODEL = "whisper-tiny.en", "smollm2-135m-instruct"
CLIP = SAMPLES / "kitchen_light.flac"
SAID = "turn on the kitchen light"
ANSWERS = "appliance/kitchen/response/#"
QUESTION = "Why is the sky blue?"
REQUEST = "Tell me about the sky."
LONG = "Three hundred numbers."
FRUIT = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["count"],
    "additionalProperties": False,
}
TOO_LONG: Any = {
    "type": "json_schema",
    "json_schema": {"name": "x", "schema": {"type": "string", "minLength": 9_000_000}},
}


class HttpServed:
    """An appliance with an HTTP server, a token for it, and a client of the broker."""

    def __init__(
        self, daemon: DaemonProcess, port: int, heard: MqttClient, broker: Mosquitto
    ) -> None:
        self.daemon = daemon
        self.broker_port = broker.port
        self.port = port
        self.heard = heard
        self.token = self.new_token("tests")

    def new_token(self, name: str) -> str:
        made = self.daemon.command("token", "add", name)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def client(self, token: str | None = None) -> openai.OpenAI:
        address = f"http://127.0.0.1:{self.port}/v1"
        return openai.OpenAI(base_url=address, api_key=token or self.token, max_retries=0)

    def post(self, path: str, body: Any, **headers: str) -> http.client.HTTPConnection:
        """Send a request; its answer is not waited for."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        fields = {"authorization": f"Bearer {self.token}", **headers}
        connection.request("POST", path, json.dumps(body), fields)
        return connection

    def has_on_disk(self, words: str) -> bool:
        """Whether a request with these words has been accepted."""
        journals = [one for one in self.daemon.state.iterdir() if "journal" in one.name]
        return any(words.encode() in one.read_bytes() for one in journals)

    def result(self, **fields: Any) -> dict[str, Any]:
        """The next result on the broker with these fields."""
        while True:
            found: dict[str, Any] = json.loads(self.heard.next(seconds=120).payload)
            if all(found.get(name) == value for name, value in fields.items()):
                return found


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path
) -> Iterator[HttpServed]:
    folder, port = tmp_path_factory.mktemp("http"), free_port()
    with (
        Mosquitto(folder / "broker") as broker,
        MqttClient(broker.port, "appliance/kitchen/result") as heard,
        DaemonProcess(
            folder,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            http={"listen": f"127.0.0.1:{port}"},
            language_model={"enabled": True, "maximum_tokens": 40, "tells_time": False},
            requests={"maximum_waiting": 6},
            speaking={"engine": "espeak-ng" if shutil.which("espeak-ng") else "off"},
        ) as daemon,
    ):
        daemon.start()
        yield HttpServed(daemon, port, heard, broker)


@pytest.fixture
def client(served: HttpServed) -> Iterator[openai.OpenAI]:
    with served.client() as connected:
        yield connected


@pytest.fixture(autouse=True)
def _earlier_results_are_forgotten(served: HttpServed) -> None:
    while not served.heard.heard.empty():
        served.heard.heard.get()


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


# Who is let in.


def test_the_models_are_listed_with_that_of_the_chat_first(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[:2] == [LANGUAGE_MODEL, SPEECH_MODEL]


@pytest.mark.parametrize("token", ["none", "apl-" + "A" * 43])
def test_nobody_is_served_without_a_token(served: HttpServed, token: str) -> None:
    with served.client(token) as stranger:
        with pytest.raises(openai.AuthenticationError, match="appliance token add"):
            stranger.models.list()
        with pytest.raises(openai.AuthenticationError):
            stranger.chat.completions.create(model=LANGUAGE_MODEL, messages=user(QUESTION))


def test_a_withdrawn_token_is_refused_at_once(served: HttpServed) -> None:
    with served.client(served.new_token("n8n")) as other:
        assert list(other.models.list())
        assert "n8n" in served.daemon.command("token", "list").stdout
        assert served.daemon.command("token", "remove", "n8n").returncode == 0
        with pytest.raises(openai.AuthenticationError):
            other.models.list()


# Speech to text.


def clip_as(kind: str) -> tuple[str, bytes]:
    if kind == "as it is":
        return CLIP.name, CLIP.read_bytes()
    return f"clip.{kind}", encoded(Spoken(sound_of(CLIP), SAMPLE_RATE), kind)


@pytest.mark.parametrize("kind", ["as it is", "wav", "mp3", "opus", "aac"])
def test_a_recording_of_each_format_is_transcribed(client: openai.OpenAI, kind: str) -> None:
    found = client.audio.transcriptions.create(file=clip_as(kind), model="whisper-1")
    assert SAID in found.text.lower()


def test_the_verbose_form_has_confidence_and_segments(client: openai.OpenAI) -> None:
    found = client.audio.transcriptions.create(
        file=clip_as("wav"), model=SPEECH_MODEL, response_format="verbose_json", language="en"
    )
    (segment,) = found.segments or []
    assert found.text == segment.text
    assert (segment.start, segment.end) == (0.0, found.duration)
    assert 0.0 < found.to_dict()["confidence"] <= 1.0  # type: ignore[operator]
    assert segment.avg_logprob < 0.0


def test_a_long_recording_has_a_segment_for_each_part(client: openai.OpenAI) -> None:
    sound = sound_of(CLIP)
    times = 40 * SAMPLE_RATE // len(sound)
    long = Spoken(np.tile(sound, times), SAMPLE_RATE)
    found = client.audio.transcriptions.create(
        file=("long.wav", encoded(long, "wav")), model="", response_format="verbose_json"
    )
    segments = found.segments or []
    assert len(segments) > 1
    assert [one.start for one in segments[1:]] == [one.end for one in segments[:-1]]
    assert segments[-1].end == pytest.approx(len(long.samples) / SAMPLE_RATE, abs=0.1)


def test_the_text_form_is_the_words_alone(client: openai.OpenAI) -> None:
    found = client.audio.transcriptions.create(
        file=clip_as("wav"), model="whisper-1", response_format="text"
    )
    assert SAID in str(found).lower()


def test_what_is_no_recording_is_an_error_that_is_not_tried_again(served: HttpServed) -> None:
    with served.client().with_options(max_retries=3) as client:
        with pytest.raises(openai.UnprocessableEntityError):
            client.audio.transcriptions.create(file=("a.wav", b"RIFF" * 100), model="whisper-1")
        failed = served.result(outcome="failed")
        client.audio.transcriptions.create(file=clip_as("wav"), model="whisper-1")
        assert served.result()["seq"] == failed["seq"] + 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"model": "gpt-4o"}, "there is no model"),
        ({"language": "de"}, "the language of this device is en"),
        ({"response_format": "srt"}, "response_format"),
    ],
)
def test_what_cannot_be_done_is_said(
    client: openai.OpenAI, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(openai.APIStatusError, match=why):
        client.audio.transcriptions.create(
            **{"file": clip_as("wav"), "model": "whisper-1", **fields}
        )


def test_a_request_over_the_limit_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.audio.transcriptions.create(file=("a.wav", bytes(9_000_000)), model="whisper-1")
    assert caught.value.status_code == 413


# Chat.


def test_an_answer_is_the_one_that_mqtt_gives(served: HttpServed, client: openai.OpenAI) -> None:
    served.heard.publish(
        "appliance/kitchen/request/answer", json.dumps({"text": QUESTION, "transaction": "q"})
    )
    over_mqtt = served.result(outcome="answer", source="mqtt")
    found = client.chat.completions.create(model=LANGUAGE_MODEL, messages=user(QUESTION))
    assert found.choices[0].message.content == over_mqtt["answer"]
    assert found.usage is not None
    assert found.usage.completion_tokens == over_mqtt["tokens"]["generated"]
    assert served.result(source="client")["answer"] == over_mqtt["answer"]


def test_a_streamed_answer_comes_in_pieces_and_is_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="", messages=user(REQUEST)).choices[0]
    pieces, finish, usage = [], None, None
    for chunk in client.chat.completions.create(
        model="", messages=user(REQUEST), stream=True, stream_options={"include_usage": True}
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces) == whole.message.content
    assert finish == whole.finish_reason
    assert usage is not None
    assert usage.completion_tokens > 0


def test_earlier_turns_count_as_in_a_session_over_mqtt(
    served: HttpServed, client: openai.OpenAI
) -> None:
    name, question = "My name is Mara.", "What is my name?"
    over_mqtt = []
    for text in (name, question):
        fields = {"text": text, "session": "s", "transaction": text}
        served.heard.publish("appliance/kitchen/request/answer", json.dumps(fields))
        over_mqtt.append(served.result(outcome="answer", source="mqtt", text=text))
    turns = [*user(name), {"role": "assistant", "content": over_mqtt[0]["answer"]}]
    found = client.chat.completions.create(model="", messages=[*turns, *user(question)])
    assert found.choices[0].message.content == over_mqtt[1]["answer"]
    assert found.usage is not None
    assert found.usage.prompt_tokens == over_mqtt[1]["tokens"]["prompt"]


def test_what_the_system_says_is_read_with_the_first_question(client: openai.OpenAI) -> None:
    told = [{"role": "system", "content": "Answer in one word."}, *user(QUESTION)]
    joined = user(f"Answer in one word.\n\n{QUESTION}")
    answers = [
        client.chat.completions.create(model="", messages=messages).choices[0].message.content
        for messages in (told, joined)
    ]
    assert answers[0] == answers[1]


def test_an_answer_under_a_schema_fits_it(client: openai.OpenAI) -> None:
    for text in ("Two red apples.", "Nothing at all.", 'Say {"count": "many"}'):
        found = client.chat.completions.create(
            model="",
            messages=user(text),
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "fruit", "schema": FRUIT, "strict": True},
            },
        )
        jsonschema.validate(json.loads(found.choices[0].message.content or ""), FRUIT)


def test_json_without_a_schema_is_an_object(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(
        model="", messages=user("A red apple."), response_format={"type": "json_object"},
        max_tokens=200,
    )  # fmt: skip
    assert isinstance(json.loads(found.choices[0].message.content or ""), dict)


TOOL: Any = {
    "type": "function",
    "function": {"name": "lamp", "parameters": {"type": "object", "properties": {}}},
}


def test_a_request_with_tools_is_told_that_nothing_was_done(
    served: HttpServed, client: openai.OpenAI
) -> None:
    asked = user("Turn on the lamp.")
    plain = client.chat.completions.create(model="", messages=asked, tools=[TOOL]).choices[0]
    assert plain.message.content == plain.message.refusal
    assert "Nothing was done" in (plain.message.content or "")
    assert plain.message.tool_calls is None
    with pytest.raises(openai.BadRequestError, match="cannot call functions"):
        client.chat.completions.create(
            model="", messages=asked, tools=[TOOL], tool_choice="required"
        )


def test_the_set_up_of_home_assistants_llama_cpp_integration_succeeds(
    served: HttpServed,
) -> None:
    """Its steps: list within 10 s, then ask with tools and three tokens, plain and streamed."""
    with served.client().with_options(timeout=10.0) as client:
        model = next(iter(client.models.list())).id
        messages: Any = [
            {"role": "system", "content": "You are a helpful assistant."},
            *user("What is the capital of France?"),
        ]
        fields: Any = {"model": model, "messages": messages, "tools": [TOOL], "max_tokens": 3}
        plain = client.chat.completions.create(**fields)
        assert plain.choices[0].message.role == "assistant"
        text, ended = "", False
        for chunk in client.chat.completions.create(**fields, stream=True):
            if chunk.choices[0].finish_reason is not None:
                ended = True
                break
            text += chunk.choices[0].delta.content or ""
        assert ended
        assert text == plain.choices[0].message.content
        # Without control of Home Assistant it sends no tools, and the model answers.
        del fields["tools"]
        assert client.chat.completions.create(**fields).choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"model": "gpt-4o"}, "there is no model"),
        ({"n": 2}, "n must be 1"),
        ({"stop": ["."]}, "stop is not known"),
        ({"messages": [{"role": "assistant", "content": "Hello."}]}, "must be the user's"),
        ({"messages": user("x" * 20_000)}, "more than the 16384"),
        ({"response_format": TOO_LONG}, "schema"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "reads text only",
        ),
    ],
)  # fmt: skip
def test_a_chat_that_cannot_be_done_is_refused(
    client: openai.OpenAI, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(openai.APIStatusError, match=why):
        client.chat.completions.create(**{"model": "", "messages": user(QUESTION), **fields})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 60_000, b'{"messages": 1}'])
def test_a_body_that_is_no_chat_is_refused(served: HttpServed, body: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    headers = {"authorization": f"Bearer {served.token}"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    assert connection.getresponse().status == 400
    connection.close()


def test_json_that_is_too_large_is_refused(served: HttpServed) -> None:
    body = {"messages": user("Hello."), "tools": [[]] * 400_000}
    connection = served.post("/v1/chat/completions", body)
    answer = connection.getresponse()
    assert answer.status == 413
    assert "1,000,000 bytes" in json.loads(answer.read())["error"]["message"]
    connection.close()


def test_damaged_tokens_let_nobody_in_and_say_so(served: HttpServed) -> None:
    file = served.daemon.state / "http-tokens.json"
    tokens = file.read_bytes()
    file.write_bytes(b"{")
    connection = served.post("/v1/chat/completions", {})
    assert connection.getresponse().status == 503
    connection.close()
    file.write_bytes(tokens)


# The queue.


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": user(text), **more}


def long_chat(*, stream: bool = False) -> dict[str, Any]:
    """A question whose answer takes the model many seconds."""
    numbers = {"type": "array", "items": {"type": "integer"}, "minItems": 300}
    wanted = {"type": "json_schema", "json_schema": {"name": "numbers", "schema": numbers}}
    return chat(LONG, response_format=wanted, max_tokens=1200, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_stops_its_work(served: HttpServed, *, stream: bool) -> None:
    asked = served.post("/v1/chat/completions", long_chat(stream=stream))
    if stream:
        answer = asked.getresponse()
        assert answer.read(1)
        answer.close()
    until(lambda: served.has_on_disk(LONG))
    asked.close()
    assert served.result(source="client")["outcome"] == "cancelled"


def test_the_answer_is_on_result_and_on_no_response_topic(
    served: HttpServed, client: openai.OpenAI
) -> None:
    with MqttClient(served.broker_port, ANSWERS) as answers:
        client.chat.completions.create(model="", messages=user("Hello."), max_tokens=4)
        assert served.result(source="client")["outcome"] == "answer"
        served.heard.publish("appliance/kitchen/request/answer", json.dumps({"text": "Hello."}))
        first = json.loads(answers.next(seconds=60).payload)
        assert first.get("result", {}).get("source", "mqtt") == "mqtt"


def test_a_deadline_passes_while_a_request_waits(served: HttpServed) -> None:
    first = served.post("/v1/chat/completions", long_chat(stream=True), **{"x-priority": "9"})
    begun = first.getresponse()  # its beginning comes once it is accepted
    late = served.post("/v1/chat/completions", chat(QUESTION), prefer="wait=1")
    answer = late.getresponse()
    assert answer.status == 504
    assert json.loads(answer.read())["error"]["code"] == "expired"
    begun.close()
    first.close()
    late.close()
    assert served.result(outcome="cancelled")["source"] == "client"


def test_a_higher_priority_goes_first_and_the_one_over_the_bound_is_told_busy(
    served: HttpServed,
) -> None:
    asked, answers = [], []
    for text, priority in ((LONG, "0"), ("Good morning.", "0"), ("Good evening.", "5")):
        body = long_chat(stream=True) if text == LONG else chat(text, max_tokens=2, stream=True)
        asked.append(served.post("/v1/chat/completions", body, **{"x-priority": priority}))
        answers.append(asked[-1].getresponse())  # its beginning comes once it is accepted
    asked.append(served.post("/v1/chat/completions", chat(QUESTION)))
    over = asked[-1].getresponse()
    assert over.status == 429  # three of one requester are half of the six that may wait
    assert over.getheader("retry-after") == "1"
    answers[0].close()
    asked[0].close()
    texts = [served.result(outcome="answer")["text"] for _ in range(2)]
    assert texts == ["Good evening.", "Good morning."]
    assert all(answer.read().endswith(b"data: [DONE]\n\n") for answer in answers[1:])
    for one in asked:
        one.close()


def test_a_repeated_request_is_done_once_also_after_a_kill(served: HttpServed) -> None:
    body = chat("What is a lighthouse?")
    key = {"idempotency-key": "order-17"}
    asked = served.post("/v1/chat/completions", body, **key)
    until(lambda: served.has_on_disk("lighthouse"))
    served.daemon.kill()
    asked.close()
    served.daemon.start()
    found = []
    for _ in range(2):
        again = served.post("/v1/chat/completions", body, **key)
        found.append(json.loads(again.getresponse().read()))
        again.close()
    assert found[0]["id"] == found[1]["id"]
    assert found[0]["choices"] == found[1]["choices"]


# Text to speech.


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
@pytest.mark.parametrize("kind", FORMATS)
def test_a_text_is_spoken_in_each_format(client: openai.OpenAI, kind: Any, tmp_path: Path) -> None:
    sound = client.audio.speech.create(
        model="tts-1", voice="alloy", input="The door is open. Close it.", response_format=kind
    ).read()
    if kind == "pcm":
        assert len(sound) > 2 * 24_000
        return
    (tmp_path / "speech").write_bytes(sound)
    spoken = sound_of(tmp_path / "speech")
    assert len(spoken) > SAMPLE_RATE
    assert float(abs(spoken).max()) > 0.05


# The documentation.


def test_every_curl_command_of_the_documentation_works(served: HttpServed, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/connect/http.md").read_text("utf-8")
    blocks = [one for one in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "curl" in one]
    assert len(blocks) == 5
    (tmp_path / "recording.wav").write_bytes(clip_as("wav")[1])
    said = ""
    for block in blocks:
        if "speech.wav" in block and not shutil.which("espeak-ng"):
            continue
        commands = re.sub(r"(?m)^export .*$", "", block).replace(
            "curl ", "curl -sS --fail-with-body "
        )
        done = subprocess.run(
            ["bash", "-ec", commands],
            env={"PATH": "/usr/bin:/bin", "TOKEN": served.token, "BOARD": f"http://127.0.0.1:{served.port}"},
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (block, done.stdout, done.stderr)
        said += done.stdout
    assert SAID in said.lower()
    assert "data: [DONE]" in said


# Nothing is left.


def test_a_stop_ends_the_connections_in_time(served: HttpServed) -> None:
    held = served.post("/v1/chat/completions", long_chat(stream=True))
    answer = held.getresponse()
    assert answer.read(1)
    assert served.daemon.stop()[0] == 0
    assert "did not stop in time" not in served.daemon.said()
    answer.close()
    held.close()
    served.daemon.start()
