"""What the page costs: memory, bytes over the wire, first paint, and the latency of commands.

PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.page_cost [--rounds 6] [--commands 5]

- Memory of the daemon's process (its children apart), without the page, with it, and after each
  view was opened by a real browser.
- Bytes over the wire of each view at its first load, without the browser's cache.
- First contentful paint with the processor throttled six times (Chromium), the median of five.
- Latency of a recording over MQTT (`request/recognize`), the daemon's own time, while ten clients
  do what ten open pages do, against none: in turn, in one run, the median of each. The clients ask
  for what the scripts of the views ask for, as often; they are no browsers, which would take this
  machine's processor for their drawing. Also the processor time that ten pages take of the daemon.

It says the machine's load: a ratio near 1 means little if that is high.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psutil
from support.browser import WebBrowser
from support.daemon_process import SAMPLES, DaemonProcess
from support.free_port import free_port
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.served_page import ServedPage

VIEWS = (
    *("live", "try", "sentences", "teach", "examples", "devices", "timers", "board", "models"),
    *("settings", "log"),
)

ROOT = "appliance/kitchen"

STREAMS = ("/live/events",) * 4 + ("/log/events",)
"""Of the ten pages: those with events."""

ASKED = (("/timers/list", 2.0), ("/timers/list", 2.0), ("/board/now", 5.0), ("/models/list", 15.0))
"""Of the others: what they ask for, and how often; the tenth is Try, which asks for nothing."""

ALIVE_S = 5.0

IDLE_S = 10.0
"""After which the server ends a connection without a request."""

WIRE = """(() => { const all = [...performance.getEntriesByType('navigation'),
  ...performance.getEntriesByType('resource').filter((one) => !/events|alive/.test(one.name))];
  return all.reduce((sum, one) => sum + one.transferSize, 0); })()"""

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def memory_mb(daemon: DaemonProcess) -> float:
    """Resident, of the daemon's process alone."""
    assert daemon.process is not None
    return float(psutil.Process(daemon.process.pid).memory_info().rss / 1e6)


def recognise(client: MqttClient, recording: bytes) -> float:
    """Send a recording; the milliseconds that the daemon took."""
    client.publish(f"{ROOT}/request/recognize", recording)
    while True:
        answer = json.loads(client.next(f"{ROOT}/response/recognize", 60.0).payload)
        if answer["state"] == "done":
            return float(answer["result"]["timings_ms"]["total"])


class OpenPages:
    """Ten clients that do what ten open pages do, until the end."""

    def __init__(self, page: ServedPage, cookie: str) -> None:
        self._page = page
        self._cookie = cookie
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._stream, args=[one]) for one in STREAMS]
        self._threads += [threading.Thread(target=self._ask, args=one) for one in ASKED]
        self._threads += [threading.Thread(target=self._ask, args=("/alive", ALIVE_S))]
        self._threads += [threading.Thread(target=self._ask, args=("/alive", ALIVE_S / 9))]
        self.requests = 0

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._page.port, timeout=30)

    def _stream(self, path: str) -> None:
        client = self._connection()
        client.request("GET", path, headers={"cookie": self._cookie})
        answer = client.getresponse()
        while not self._over.is_set():
            answer.readline()
        client.close()

    def _ask(self, path: str, every_s: float) -> None:
        client = self._connection()
        while not self._over.wait(every_s):
            if every_s >= IDLE_S:
                client.close()  # the server has; a browser opens it again, too
            client.request("GET", path, headers={"cookie": self._cookie})
            client.getresponse().read()
            self.requests += 1
        client.close()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def appliance(folder: Path, broker: Mosquitto, listen: str) -> Iterator[DaemonProcess]:
    """One that runs."""
    folder.mkdir()
    with DaemonProcess(
        folder,
        Path(os.environ["APPLIANCE_MODELS"]),
        mqtt={"host": "127.0.0.1", "port": broker.port},
        page={"listen": listen},
    ) as daemon:
        yield daemon.start()


def measure_memory(folder: Path, broker: Mosquitto, client: MqttClient) -> None:
    """With the page and without, after the same work."""
    recording = (SAMPLES / "kitchen_light.flac").read_bytes()
    with appliance(folder / "without", broker, "") as daemon:
        recognise(client, recording)
        without = memory_mb(daemon)
    port = free_port()
    with appliance(folder / "with", broker, f"127.0.0.1:{port}") as daemon:
        recognise(client, recording)
        idle = memory_mb(daemon)
        page = ServedPage(daemon, port)
        with WebBrowser() as browser:
            page.log_in(browser)
            for view in VIEWS:
                browser.open(f"{page.address}/{view}")
            recognise(client, recording)
            used = memory_mb(daemon)
    print(
        f"resident: {without:.1f} MB without the page; with it {idle - without:+.1f} MB, ", end=""
    )
    print(f"after every view was opened {used - without:+.1f} MB")


def measure_loading(page: ServedPage) -> None:
    """Bytes and first paint of each view."""
    with WebBrowser() as browser:
        page.log_in(browser)
        browser.call("Network.setCacheDisabled", cacheDisabled=True)
        for view in VIEWS:
            browser.open(f"{page.address}/{view}")
            wire = browser.evaluate(WIRE)
            browser.call("Emulation.setCPUThrottlingRate", rate=6)
            paints = []
            for _ in range(5):
                browser.call("Page.navigate", url="about:blank")
                browser.open(f"{page.address}/{view}")
                paints.append(browser.until(PAINT))
            browser.call("Emulation.setCPUThrottlingRate", rate=1)
            paint = statistics.median(paints)
            print(f"{view:10} {wire:7,} bytes, first paint after {paint:4.0f} ms at a sixth")


def measure_latency(page: ServedPage, client: MqttClient, rounds: int, commands: int) -> None:
    """With ten pages and with none, in turn."""
    recording = (SAMPLES / "kitchen_light.flac").read_bytes()
    assert page.daemon.process is not None
    process = psutil.Process(page.daemon.process.pid)
    cookie = page.cookie()
    times: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(rounds):
        for with_pages in (False, True) if turn % 2 else (True, False):
            with OpenPages(page, cookie) if with_pages else contextlib.nullcontext():
                time.sleep(1.0)
                times[with_pages] += [recognise(client, recording) for _ in range(commands)]
    alone, ten = (statistics.median(times[key]) for key in (False, True))
    print(f"a spoken command: {alone:.0f} ms alone, {ten:.0f} ms with ten pages, ", end="")
    print(f"ratio {ten / alone:.3f} (medians of {len(times[True])} each)")
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(10.0)
    idle = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
    with OpenPages(page, cookie) as pages:
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(10.0)
        seconds = time.monotonic() - began
        busy = (sum(process.cpu_times()[:2]) - before) / seconds
        rate = pages.requests / seconds
    print(f"of one core: {100 * idle:.1f} % idle, {100 * busy:.1f} % with ten pages ", end="")
    print(f"({rate:.1f} requests/s and {len(STREAMS)} streams)")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--commands", type=int, default=5)
    arguments = parser.parse_args()
    print(f"load average of the last minute: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with (
        tempfile.TemporaryDirectory() as name,
        Mosquitto(Path(name) / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as client,
    ):
        measure_memory(Path(name), broker, client)
        port = free_port()
        with appliance(Path(name) / "page", broker, f"127.0.0.1:{port}") as daemon:
            page = ServedPage(daemon, port)
            measure_loading(page)
            measure_latency(page, client, arguments.rounds, arguments.commands)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
