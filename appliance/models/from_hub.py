"""Model files from the model hub over HTTPS, going on where a broken connection stopped."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from appliance.errors import FetchError
from appliance.models.progress import onward

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from appliance.models.catalogue import Hub, Model
    from appliance.models.progress import Progress

ATTEMPTS = 5
"""Connections that may break one after the other, without a byte between, for one file."""

TIMEOUT = 30.0
"""Seconds of silence after which a connection counts as broken."""

BLOCK = 1 << 18
"""Bytes read at once."""

BROKEN = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
"""What a connection that cannot be made, or breaks, raises."""

PARTIAL_CONTENT = 206
NOT_SATISFIABLE = 416
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers that may be another one a moment later."""


def fetch(
    model: Model,
    wanted: Collection[str],
    folder: Path,
    show: Progress,
    address_of: Callable[[Hub, str], str] | None = None,
) -> None:
    """Write the files `wanted` of `model` into `folder`; FetchError if the hub gives none."""
    if model.hub is None:
        raise FetchError("the hub does not offer it to everyone")
    address_of = address_of or _address_of
    show.say(f"{model.name}: hub {model.hub.repository} at {model.hub.revision[:12]}")
    total = sum(model.files[name].bytes for name in wanted)
    done = 0
    for name in wanted:
        address = address_of(model.hub, name)
        _fetch_file(address, folder / name, onward(show, done, total))
        done += model.files[name].bytes
    show.progress(total, total)


def _address_of(hub: Hub, name: str) -> str:
    """As the hub's own library makes it, so that a mirror set in HF_ENDPOINT is honoured."""
    try:
        from huggingface_hub import hf_hub_url  # noqa: PLC0415 (half a second, only here)
    except ImportError:
        raise FetchError("the library huggingface-hub is not installed") from None
    return hf_hub_url(hub.repository, name, revision=hub.revision)


def _fetch_file(address: str, path: Path, progress: Callable[[int], None]) -> None:
    """Download to `path`, again and again from where it broke off."""
    failures = 0
    while True:
        before = path.stat().st_size if path.exists() else 0
        try:
            _continue(address, path, before, progress)
        except urllib.error.HTTPError as error:
            reason = f"{error.code} {error.reason}"
            if error.code == NOT_SATISFIABLE:
                path.unlink(missing_ok=True)  # longer than the hub's: from the start then
            elif error.code not in PASSING:
                raise FetchError(f"{path.name}: the hub says {reason}") from error
        except BROKEN as error:
            reason = str(getattr(error, "reason", error))
        else:
            return
        grown = path.exists() and path.stat().st_size > before
        failures = 1 if grown else failures + 1
        if failures >= ATTEMPTS:
            raise FetchError(f"{path.name}: the hub cannot be reached: {reason}")
        time.sleep(2.0**failures / 4)


def _continue(address: str, path: Path, start: int, progress: Callable[[int], None]) -> None:
    """One connection: append what is left, or all of it where the server knows no ranges."""
    request = urllib.request.Request(address)  # noqa: S310 (made from the catalogue)
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        if answer.status != PARTIAL_CONTENT:
            start = 0
        expected = answer.length
        with path.open("ab" if start else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                progress(file.tell())
            received = file.tell() - start
    if expected is not None and received < expected:
        raise ConnectionError(f"the connection broke after {start + received} bytes")
