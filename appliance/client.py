"""MQTT client for programs that send requests to an appliance or read what it publishes.

It needs only paho-mqtt and no other file of this package, so you may copy it into your program.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

FIRST_RESEND_S, LONGEST_RESEND_S = 5.0, 60.0
"""Seconds until a request without an answer is sent again, doubled each time."""

BUSY_PAUSE_S = 1.0
"""Seconds until a request that was rejected as `busy` is sent again."""

KEEPALIVE_S = 30


class NotDone(Exception):
    """A request was rejected, cancelled, expired or failed; the message says why."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer.get("message") or answer.get("reason") or answer["state"])
        self.state: str = answer["state"]
        """`rejected`, `expired`, `cancelled` or `failed`."""
        self.reason: str | None = answer.get("reason")
        """Reason as a code: `invalid`, `too_large`, `unsupported`, `unknown`, or the state."""
        self.answer = answer


class NoAnswer(NotDone, TimeoutError):
    """No appliance answered in time."""

    def __init__(self, topic: str, seconds: float) -> None:
        message = f"no answer to {topic} in {seconds:g} s; is the appliance connected there?"
        super().__init__({"state": "expired", "message": message})


class Connection:
    """A connection to a broker that reconnects by itself; a context manager."""

    def __init__(  # noqa: PLR0913  (what a broker may require, by name)
        self,
        host: str,
        port: int = 1883,
        *,
        topics: Sequence[str] = (),
        on_message: Callable[[paho.MQTTMessage], None] = lambda _: None,
        username: str | None = None,
        password: str | bytes | None = None,
        tls: ssl.SSLContext | None = None,
        version: str = "5",
    ) -> None:
        """It connects when its context is entered. `on_message` must not block.

        `version` is the version of MQTT: "5", or "3.1.1" for an old broker.
        """
        self._address = (host, port)
        self._topics = [(topic, 1) for topic in topics]
        self.ready = threading.Event()
        """Set while it is connected, and subscribed to `topics`."""
        self.refusal: str | None = None
        """Why the broker refused the last attempt to connect; None if it did not."""
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            protocol=paho.MQTTv5 if version == "5" else paho.MQTTv311,
        )
        # An exception in a callback would end paho's thread silently.
        self.paho.suppress_exceptions = True
        self.paho.reconnect_delay_set(1, 10)
        self.paho.username_pw_set(username, password)  # type: ignore[arg-type]
        if tls is not None:
            self.paho.tls_set_context(tls)
        self.paho.on_connect = self._on_connect
        self.paho.on_subscribe = lambda *_: self.ready.set()
        self.paho.on_disconnect = lambda *_: self.ready.clear()
        self.paho.on_message = lambda _client, _userdata, message: on_message(message)

    def __enter__(self) -> Self:
        self.paho.connect_async(*self._address, KEEPALIVE_S)
        self.paho.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, code: Any, _properties: Any
    ) -> None:
        self.refusal = code.getName() if code.is_failure else None
        if code.is_failure:
            return
        if self._topics:
            client.subscribe(self._topics)
        else:
            self.ready.set()


class Watcher(Connection):
    """Passes every message on a topic filter to `on_message(topic, payload)`."""

    def __init__(
        self,
        host: str,
        port: int,
        topic_filter: str,
        on_message: Callable[[str, bytes], None],
        **access: Any,
    ) -> None:
        """`on_message` must not block. `access`: username, password, tls, version."""
        super().__init__(
            host,
            port,
            topics=[topic_filter],
            on_message=lambda message: on_message(message.topic, bytes(message.payload)),
            **access,
        )


class Client(Connection):
    """Sends requests to an appliance and waits for the answers; any thread may call it.

    Each request has an id. If no answer comes, because the broker or the appliance was away, the
    request is sent again under the same id: the work is done once, and the answer is repeated.
    """

    def __init__(
        self,
        host: str,
        port: int = 1883,
        *,
        root: str,
        reply_to: str = "",
        resend_after_s: float = FIRST_RESEND_S,
        **access: Any,
    ) -> None:
        """It connects when its context is entered.

        Args:
            host: of the broker.
            port: of the broker.
            root: the topic above `request/...`: of one appliance, or of a group's queue.
            reply_to: topic for the answers, if an access list forbids a random one.
            resend_after_s: seconds until a request without an answer is sent again the first time.
            access: `username`, `password`, `tls` (an ssl.SSLContext) and `version`.

        """
        self._root = root
        self._resend_after_s = resend_after_s
        self._reply_to = reply_to or f"appliance-clients/{uuid.uuid4().hex}"
        self._answers: dict[bytes, queue.SimpleQueue[dict[str, Any]]] = {}
        super().__init__(
            host, port, topics=[self._reply_to], on_message=self._enqueue_answer, **access
        )

    def transcribe(self, audio_file: bytes, timeout: float = 60.0, **more: Any) -> dict[str, Any]:
        """The result for a sound file: `text`, `confidence` and the rest of a result."""
        return self._result("transcribe", audio_file, timeout, **more)

    def recognize(self, sound: bytes, timeout: float = 60.0, **more: Any) -> dict[str, Any]:
        """The result for a sound file as if it had been spoken there: `outcome`, `intent`."""
        return self._result("recognize", sound, timeout, **more)

    def parse(self, text: str, timeout: float = 10.0, **more: Any) -> dict[str, Any]:
        """Return the result for a sentence, with `outcome`, and `intent` (`name`, `slots`)."""
        return self._result("parse", text.encode(), timeout, **more)

    def command(
        self,
        text: str,
        timeout: float = 60.0,
        *,
        confirm: Callable[[str], bool] = lambda question: False,  # noqa: ARG005
        **more: Any,
    ) -> dict[str, Any]:
        """Have a sentence carried out; return the result, whose `acted` says whether it was.

        An intent that is declared `confirm` is asked back: `confirm` gets the question, from the
        calling thread, and returns whether the person said yes. Without it such a command is not
        carried out, and NotDone is raised.
        """
        return self._result("command", text.encode(), timeout, confirm=confirm, **more)

    def answer(self, text: str, timeout: float = 120.0, **more: Any) -> dict[str, Any]:
        """Return the result for a question, with the language model's `answer`."""
        return self._result("answer", text.encode(), timeout, **more)

    def ask(
        self,
        operation: str,
        payload: bytes,
        timeout: float = 10.0,
        *,
        id: str | None = None,  # noqa: A002  (the usual word)
        priority: int = 0,
        confirm: Callable[[str], bool] = lambda question: False,  # noqa: ARG005
    ) -> dict[str, Any]:
        """Send any request and return its whole answer; `confirm` is that of `command`.

        Raises:
            NotDone: it was rejected or cancelled, or it expired or failed.
            NoAnswer: no answer came within `timeout` seconds.

        """
        correlation = (id or uuid.uuid4().hex).encode()
        answers = self._answers[correlation] = queue.SimpleQueue()
        topic = f"{self._root}/request/{operation}"
        end = time.monotonic() + timeout
        resend_after_s = self._resend_after_s
        try:
            while (left_s := end - time.monotonic()) > 0:
                if not self.ready.wait(left_s):
                    break
                self._send(topic, payload, correlation, left_s, priority)
                answer = _final_answer(answers, min(left_s, resend_after_s))
                if answer is not None and answer["state"] == "confirm":
                    self._confirm(correlation, yes=confirm(answer["message"]))
                    answer = _final_answer(answers, min(left_s, resend_after_s))
                if answer is None:
                    # This does not use appliance.backoff, because the file must work without the
                    # package.
                    resend_after_s = min(LONGEST_RESEND_S, resend_after_s * 2)
                elif answer["state"] == "done":
                    return answer
                elif answer.get("reason") != "busy":
                    raise NotDone(answer)
                else:
                    time.sleep(min(BUSY_PAUSE_S, max(0.0, end - time.monotonic())))
        finally:
            del self._answers[correlation]
        if self.refusal is not None:
            topic = f"{topic} (the broker says: {self.refusal})"
        raise NoAnswer(topic, timeout)

    def _result(
        self, operation: str, payload: bytes, timeout: float, **more: Any
    ) -> dict[str, Any]:
        result: dict[str, Any] = self.ask(operation, payload, timeout, **more)["result"]
        return result

    def _confirm(self, correlation: bytes, *, yes: bool) -> None:
        """Answer a question; the answer to this message itself is not waited for."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = self._reply_to
        properties.CorrelationData = b"confirm-" + correlation
        payload = json.dumps({"id": correlation.decode(), "yes": yes})
        self.paho.publish(f"{self._root}/request/confirm", payload, 1, properties=properties)

    def _send(
        self, topic: str, payload: bytes, correlation: bytes, left_s: float, priority: int
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = self._reply_to
        properties.CorrelationData = correlation
        properties.MessageExpiryInterval = max(1, round(left_s))
        properties.ContentType = "application/octet-stream"
        if priority:
            properties.UserProperty = [("priority", str(priority))]
        self.paho.publish(topic, payload, qos=1, properties=properties)

    def _enqueue_answer(self, message: paho.MQTTMessage) -> None:
        answers = self._answers.get(getattr(message.properties, "CorrelationData", b""))
        if answers is not None:  # any other answer is a repetition, or late
            answers.put(json.loads(message.payload))


def _final_answer(
    answers: queue.SimpleQueue[dict[str, Any]], timeout_s: float
) -> dict[str, Any] | None:
    """Wait for the first answer that is not `queued`; None if it does not come in time.

    `confirm` is such an answer, too: then another one follows.
    """
    end = time.monotonic() + timeout_s
    while True:
        try:
            answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return None
        if answer["state"] != "queued":
            return answer
