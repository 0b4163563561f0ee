"""The other side of MQTT, for whoever sends an appliance work or reads what it publishes.

Needs paho-mqtt and nothing else of this package, so the file may be copied to where it is used.
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

FIRST_PATIENCE, LONGEST_PATIENCE = 5.0, 60.0
"""Seconds until a request without an answer is sent again, doubled each time."""

BUSY_PAUSE = 1.0
"""Seconds until an appliance that is busy is asked again."""

LONGEST_KEEPALIVE = 30


class NotDone(Exception):
    """A request was answered, but not done; the message says why."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer.get("message") or answer.get("reason") or answer["state"])
        self.state: str = answer["state"]
        """`rejected`, `expired`, `cancelled` or `failed`."""
        self.reason: str | None = answer.get("reason")
        """For a program: `invalid`, `too_large`, `unsupported`, `unknown`, or the state."""
        self.answer = answer


class NoAnswer(NotDone, TimeoutError):
    """No appliance answered in time, or none is there."""

    def __init__(self, topic: str, seconds: float) -> None:
        message = f"no answer to {topic} in {seconds:g} s; is the appliance connected there?"
        super().__init__({"state": "expired", "message": message})


class Connection:
    """A connection to a broker that comes back by itself; a context manager."""

    def __init__(  # noqa: PLR0913  (what a broker may ask for, by name)
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
        """Nothing happens before it is entered. `on_message` must not block.

        `version` is of MQTT: 5, or 3.1.1 for an old broker.
        """
        self._address = (host, port)
        self._topics = [(topic, 1) for topic in topics]
        self.ready = threading.Event()
        """Connected, and subscribed where there is something to subscribe to."""
        self.refusal: str | None = None
        """Why the broker did not let us in at the last try."""
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            protocol=paho.MQTTv5 if version == "5" else paho.MQTTv311,
        )
        # An exception in a callback would end the client's thread without a word.
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
        self.paho.connect_async(*self._address, LONGEST_KEEPALIVE)
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
    """Sees every message below a topic, by `on_message(topic, payload)`, which must not block."""

    def __init__(
        self,
        host: str,
        port: int,
        topics: str,
        on_message: Callable[[str, bytes], None],
        **access: Any,
    ) -> None:
        """`access` is what Connection takes: username, password, tls, version."""
        super().__init__(
            host,
            port,
            topics=[topics],
            on_message=lambda message: on_message(message.topic, bytes(message.payload)),
            **access,
        )


class Client(Connection):
    """Sends an appliance work and waits for its answers; any number of threads may ask at once.

    Each request has an id. When the answer does not come, because the broker or the
    appliance was away, the request is sent again under the same id: the work is done once,
    and its answer given again.
    """

    def __init__(
        self,
        host: str,
        port: int = 1883,
        *,
        root: str,
        reply_to: str = "",
        patience: float = FIRST_PATIENCE,
        **access: Any,
    ) -> None:
        """Nothing happens before it is entered.

        Args:
            host: of the broker.
            port: of the broker.
            root: the topic above `request/...`: of one appliance, or of a group's queue.
            reply_to: where answers are to come, where an access list forbids a topic of our own.
            patience: seconds until a request without an answer is sent again the first time.
            access: `username`, `password` and `tls` (an ssl.SSLContext), as the broker wants.

        """
        self._root = root
        self._patience = patience
        self._reply_to = reply_to or f"appliance-clients/{uuid.uuid4().hex}"
        self._boxes: dict[bytes, queue.SimpleQueue[dict[str, Any]]] = {}
        super().__init__(host, port, topics=[self._reply_to], on_message=self._sort_in, **access)

    def transcribe(self, sound: bytes, timeout: float = 60.0, **more: Any) -> dict[str, Any]:
        """The result for a sound file: `text`, `confidence` and the rest of a result."""
        return self._result("transcribe", sound, timeout, **more)

    def recognize(self, sound: bytes, timeout: float = 60.0, **more: Any) -> dict[str, Any]:
        """The result for a sound file as if it had been spoken there: `outcome`, `intent`."""
        return self._result("recognize", sound, timeout, **more)

    def parse(self, text: str, timeout: float = 10.0, **more: Any) -> dict[str, Any]:
        """The result for a sentence: `outcome`, `intent` with `name` and `slots`."""
        return self._result("parse", text.encode(), timeout, **more)

    def answer(self, text: str, timeout: float = 120.0, **more: Any) -> dict[str, Any]:
        """The result for a question: `answer`, by the language model."""
        return self._result("answer", text.encode(), timeout, **more)

    def ask(
        self,
        operation: str,
        payload: bytes,
        timeout: float = 10.0,
        *,
        id: str | None = None,  # noqa: A002  (the word that everybody uses)
        priority: int = 0,
    ) -> dict[str, Any]:
        """The whole answer to any request.

        Raises:
            NotDone: it was rejected, or cancelled, or its work failed.
            NoAnswer: nobody answered within `timeout` seconds.

        """
        name = (id or uuid.uuid4().hex).encode()
        box = self._boxes[name] = queue.SimpleQueue()
        topic = f"{self._root}/request/{operation}"
        end = time.monotonic() + timeout
        patience = self._patience
        try:
            while (left := end - time.monotonic()) > 0:
                if not self.ready.wait(left):
                    break
                self._send(topic, payload, name, left, priority)
                answer = _last(box, min(left, patience))
                if answer is None:
                    patience = min(LONGEST_PATIENCE, patience * 2)
                elif answer["state"] == "done":
                    return answer
                elif answer.get("reason") != "busy":
                    raise NotDone(answer)
                else:
                    time.sleep(min(BUSY_PAUSE, max(0.0, end - time.monotonic())))
        finally:
            del self._boxes[name]
        if self.refusal is not None:
            topic = f"{topic} (the broker says: {self.refusal})"
        raise NoAnswer(topic, timeout)

    def _result(
        self, operation: str, payload: bytes, timeout: float, **more: Any
    ) -> dict[str, Any]:
        result: dict[str, Any] = self.ask(operation, payload, timeout, **more)["result"]
        return result

    def _send(self, topic: str, payload: bytes, name: bytes, left: float, priority: int) -> None:
        sent = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        sent.ResponseTopic = self._reply_to
        sent.CorrelationData = name
        sent.MessageExpiryInterval = max(1, round(left))
        sent.ContentType = "application/octet-stream"
        if priority:
            sent.UserProperty = [("priority", str(priority))]
        self.paho.publish(topic, payload, qos=1, properties=sent)

    def _sort_in(self, message: paho.MQTTMessage) -> None:
        box = self._boxes.get(getattr(message.properties, "CorrelationData", b""))
        if box is not None:  # else it came again, or too late
            box.put(json.loads(message.payload))


def _last(box: queue.SimpleQueue[dict[str, Any]], seconds: float) -> dict[str, Any] | None:
    """The answer that ends a request; None when it does not come. `queued` is waited out."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = box.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return None
        if answer["state"] != "queued":
            return answer
