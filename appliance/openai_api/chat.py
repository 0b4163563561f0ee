"""POST /v1/chat/completions: the language model, plain or streamed, under a JSON Schema or not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import StreamingResponse

from appliance.errors import UNREADABLE_JSON, RequestError
from appliance.fallback.prompt_texts import parts_for
from appliance.messages.request_body import checked_prompt, checked_text
from appliance.messages.schema_limits import check_schema
from appliance.openai_api.json_body import body_of
from appliance.openai_api.model_names import ModelNames
from appliance.openai_api.pending_requests import Asked, answered, refused
from appliance.openai_api.replies import ApiError, json_response
from appliance.values import Operation, PromptRequest, encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from appliance.config import Config
    from appliance.openai_api.pending_requests import PendingAnswer, PendingRequests
    from appliance.values import Result

ANY_OBJECT = {"type": "object"}
"""The schema of `response_format: {"type": "json_object"}`."""


class ContentPart(msgspec.Struct, frozen=True):
    """A part of a message."""

    type: str
    text: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


class NamedSchema(msgspec.Struct, frozen=True):
    """The schema of an answer; `name` and `strict` change nothing: it is always held exactly."""

    schema: dict[str, Any] | bool = msgspec.field(default_factory=dict)


class ResponseFormat(msgspec.Struct, frozen=True):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: NamedSchema | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """How an answer is streamed."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct, frozen=True):
    """The body; other fields are ignored, as they change only how an answer is sampled."""

    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=200)]
    model: str = ""
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    n: int | None = 1
    stop: str | list[str] | None = None
    logprobs: bool | None = False


class ChatCompletions:
    """The route; belongs to the event loop of the HTTP server."""

    def __init__(self, config: Config, names: ModelNames, requests: PendingRequests) -> None:
        self._settings = config.language_model
        self._names = names
        self._requests = requests
        self._no_tools = parts_for(config.device.language).no_tools

    async def respond(self, request: Request, client: str) -> Response:
        """Answer the last message."""
        form = _form(await body_of(request))
        model = ModelNames.check(form.model, self._names.chat, "chat")
        _check(form)
        writer = CompletionWriter(model, form, self._settings.maximum_tokens)
        if form.tools and form.tool_choice != "none":
            # Whoever asks with tools wants something done. The model cannot do it, and must not
            # say that it had.
            return writer.refusal(self._no_tools)
        asked = Asked.of(client, request)
        payload = self._prompt(form)
        if not form.stream:
            return writer.plain(
                await self._requests.result_of(Operation.ANSWER, payload, asked, request)
            )
        name, pending = await self._requests.begin(Operation.ANSWER, payload, asked)
        return StreamedAnswer(
            self._stream(writer, pending), lambda: self._requests.end(name, pending, asked)
        )

    def _prompt(self, form: ChatRequest) -> bytes:
        schema = _schema(form.response_format)
        maximum = form.max_completion_tokens or form.max_tokens
        *turns, question = _turns(form.messages)
        try:
            text = checked_text(question.encode()).decode()
            if schema is not None:
                check_schema(schema, maximum or self._settings.maximum_json_tokens)
            return checked_prompt(
                PromptRequest(
                    text,
                    schema,
                    stream=bool(form.stream),
                    maximum_tokens=maximum,
                    turns=tuple(turns),
                )
            )
        except RequestError as error:
            raise refused(error) from None

    async def _stream(
        self, writer: CompletionWriter, pending: PendingAnswer
    ) -> AsyncIterator[bytes]:
        yield writer.first()
        while pending.result is None:
            await pending.change()
            if piece := writer.piece(pending.text):
                yield piece
        try:
            for piece in writer.rest(answered(pending.result)):
                yield piece
        except ApiError as error:
            yield _event(error.content())


class StreamedAnswer(StreamingResponse):
    """Calls `end` in any case: for a client that has left already, no piece is ever asked for."""

    def __init__(self, pieces: AsyncIterator[bytes], end: Callable[[], None]) -> None:
        super().__init__(pieces, media_type="text/event-stream")
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()


class CompletionWriter:
    """One answer, in the form of OpenAI's interface."""

    def __init__(self, model: str, form: ChatRequest, default_maximum: int) -> None:
        self._form = form
        self._maximum = form.max_completion_tokens or form.max_tokens or default_maximum
        self._head = {"created": int(time.time()), "model": model}
        self._sent = ""

    def plain(self, result: Result) -> Response:
        """All at once."""
        message = {"role": "assistant", "content": result.answer, "refusal": None}
        return json_response(
            {
                "id": f"chatcmpl-{result.id}",
                "object": "chat.completion",
                **self._head,
                "choices": [_choice("message", message, self._finish(result))],
                "usage": _usage(result),
            }
        )

    def refusal(self, why: str) -> Response:
        """An answer without the model; the text is in `content`, too, which programs show."""
        message = {"role": "assistant", "content": why, "refusal": why}
        if not self._form.stream:
            return json_response(
                {
                    "id": "chatcmpl-refused",
                    "object": "chat.completion",
                    **self._head,
                    "choices": [_choice("message", message, "stop")],
                    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
                }
            )
        pieces = (self._chunk(message), self._chunk({}, "stop"), DONE)
        return StreamingResponse(_of(pieces), media_type="text/event-stream")

    def first(self) -> bytes:
        """Who speaks; sent at once, so that the client knows that it was heard."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> bytes:
        """The new part of `text`, the answer until now; empty if there is none, or it restarted."""
        text = text.strip()  # the answer ends without the space that may come before more
        if not text.startswith(self._sent) or len(text) == len(self._sent):
            return b""
        new, self._sent = text[len(self._sent) :], text
        return self._chunk({"content": new})

    def rest(self, result: Result) -> list[bytes]:
        """The end of the answer.

        Raises:
            ApiError: the model started again, and wrote something else.

        """
        answer = result.answer or ""
        if not answer.startswith(self._sent):
            raise ApiError(500, "the language model had to start again; ask again")
        events = [self.piece(answer), self._chunk({}, self._finish(result))]
        options = self._form.stream_options
        if options is not None and options.include_usage:
            events.append(self._chunk(None, usage=_usage(result)))
        return [event for event in (*events, DONE) if event]

    def _chunk(
        self, delta: dict[str, Any] | None, finish: str | None = None, usage: Any = None
    ) -> bytes:
        chunk = {
            "id": f"chatcmpl-{self._head['created']}",
            "object": "chat.completion.chunk",
            **self._head,
            "choices": [] if delta is None else [_choice("delta", delta, finish)],
        }
        return _event(chunk if usage is None else {**chunk, "usage": usage})

    def _finish(self, result: Result) -> str:
        return "length" if (result.tokens.generated or 0) >= self._maximum else "stop"


DONE = b"data: [DONE]\n\n"


def _event(content: Any) -> bytes:
    return b"data: " + encode(content) + b"\n\n"


async def _of(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _choice(key: str, content: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, key: content, "logprobs": None, "finish_reason": finish}


def _usage(result: Result) -> dict[str, Any]:
    tokens = result.tokens
    prompt, generated = tokens.prompt or 0, tokens.generated or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": generated,
        "total_tokens": prompt + generated,
        "prompt_tokens_details": {"cached_tokens": tokens.cached or 0},
    }


def _form(body: bytes) -> ChatRequest:
    try:
        return msgspec.json.decode(body, type=ChatRequest)
    except UNREADABLE_JSON as error:
        raise ApiError(400, f"the body cannot be used: {error}") from None


def _check(form: ChatRequest) -> None:
    """Refuse what would change the answer and cannot be done."""
    if form.n not in (None, 1):
        raise ApiError(400, "n must be 1: one answer is written at a time", parameter="n")
    if form.stop:
        raise ApiError(400, "stop is not known here; leave it out", parameter="stop")
    if form.logprobs:
        raise ApiError(400, "logprobs are not known here; leave it out", parameter="logprobs")
    if form.tools and form.tool_choice not in (None, "auto", "none"):
        why = "this model cannot call functions, so none can be required"
        raise ApiError(400, why, parameter="tool_choice")


def _schema(wanted: ResponseFormat | None) -> Any:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return ANY_OBJECT
    if wanted.json_schema is None:
        raise ApiError(400, "json_schema is missing", parameter="response_format")
    return wanted.json_schema.schema


def _turns(messages: Sequence[ChatMessage]) -> list[str]:
    """Questions and answers in turn, a question last; what the system says joins the first one."""
    told: list[str] = []
    turns: list[str] = []
    for message in messages:
        text = _text(message)
        if message.role in ("system", "developer"):
            told.append(text)
        elif message.role not in ("user", "assistant"):
            raise ApiError(400, "this model calls no functions, so it reads no results of them")
        elif (message.role == "user") == (len(turns) % 2 == 0):
            turns.append(text)
        elif turns:
            turns[-1] = f"{turns[-1]}\n\n{text}"
        else:
            raise ApiError(400, "the first message must be the user's", parameter="messages")
    if len(turns) % 2 == 0:
        raise ApiError(400, "the last message must be the user's", parameter="messages")
    return ["\n\n".join((*told, turns[0])), *turns[1:]]


def _text(message: ChatMessage) -> str:
    content = message.content or ""
    if isinstance(content, str):
        return content
    if any(part.type != "text" for part in content):
        raise ApiError(400, "this model reads text only", parameter="messages")
    return "\n".join(part.text for part in content)
