"""Describes and downloads model files from the model hub over HTTPS; resumes where it broke off."""

from __future__ import annotations

import fnmatch
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import msgspec

from appliance.backoff import Backoff
from appliance.errors import FetchBrokenOff, FetchError
from appliance.models.catalogue import Hub, Model
from appliance.models.progress_interface import with_offset

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from huggingface_hub.hf_api import ModelInfo, RepoSibling

    from appliance.models.catalogue import HubModel
    from appliance.models.progress_interface import Progress

MAXIMUM_FAILURES = 5
"""Maximum number of connections in a row that break without a byte of a file."""

TIMEOUT_S = 30.0
"""Seconds without data after which a connection counts as broken."""

BLOCK_BYTES = 1 << 18

LARGEST_SMALL_FILE = 16_000_000
"""Maximum size, in bytes, of a file without SHA-256 on the hub; larger files are in another store
with SHA-256."""

RETRY = Backoff(first_s=0.5, longest_s=4.0)

BROKEN = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
"""Errors of a connection that fails or breaks."""

PARTIAL_CONTENT = 206
NOT_SATISFIABLE = 416
REFUSED = {401, 403}
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
"""Status codes that are worth another attempt."""


def describe(wanted: HubModel) -> Model:
    """The model with the size and SHA-256 that the hub gives for its file, at its newest commit.

    Raises:
        FetchError: the hub cannot be reached, does not have the file, or shows it only to those
            who accepted its terms.

    """
    from huggingface_hub import HfApi  # noqa: PLC0415 (takes half a second)
    from huggingface_hub import errors as hub_errors  # noqa: PLC0415

    try:
        info = HfApi(endpoint=_endpoint()).model_info(
            wanted.repository, files_metadata=True, timeout=TIMEOUT_S
        )
    except hub_errors.GatedRepoError:
        raise FetchError(_gated(wanted.repository)) from None
    except hub_errors.RepositoryNotFoundError:
        # The hub answers the same if the repository is private and the token is wrong.
        raise FetchError(
            f"the hub has no repository {wanted.repository}, or does not show it with this HF_TOKEN"
        ) from None
    except (hub_errors.HTTPError, OSError, ValueError) as error:  # type: ignore[attr-defined]
        raise FetchError(f"the hub does not describe {wanted.repository}: {error}") from None
    return _described(wanted, info)


def _described(wanted: HubModel, info: ModelInfo) -> Model:
    siblings = {one.rfilename: one for one in info.siblings or ()}
    if not info.sha:
        raise FetchError(f"the hub gives no commit of {wanted.repository}")
    hub = Hub(repository=wanted.repository, revision=info.sha)
    names = [_only_match(pattern, siblings, wanted) for pattern in _patterns(wanted)]
    fields = {
        "name": wanted.name,
        "family": wanted.family,
        "task": wanted.task,
        "form": wanted.form,
        "licence": wanted.licence,
        "languages": wanted.languages,
        "memory_mb": wanted.memory_mb,
        "files": {name: _size_and_sum(hub, siblings[name]) for name in names},
        "hub": {"repository": hub.repository, "revision": hub.revision},
    }
    try:
        return msgspec.convert(fields, type=Model)
    except msgspec.ValidationError as error:
        raise FetchError(f"the hub describes {wanted.repository} wrongly: {error}") from None


def _patterns(wanted: HubModel) -> tuple[str, ...]:
    return (wanted.file, *wanted.further_files)


def _only_match(pattern: str, siblings: Collection[str], wanted: HubModel) -> str:
    found = fnmatch.filter(siblings, pattern)
    if len(found) == 1:
        return found[0]
    ending = ".gguf" if wanted.form == "gguf" else ""
    others = ", ".join(name for name in siblings if name.endswith(ending)) or "no GGUF file"
    several = f"several files like {pattern}" if found else f"no {pattern}"
    raise FetchError(f"{wanted.repository} has {several}; it has {others}")


def _size_and_sum(hub: Hub, file: RepoSibling) -> dict[str, object]:
    """Size and SHA-256; of a small file the hub gives only git's checksum, so that one is read."""
    if file.lfs is not None and file.size:
        return {"bytes": file.size, "sha256": file.lfs.sha256}
    if not file.size or not file.blob_id or file.size > LARGEST_SMALL_FILE:
        raise FetchError(f"the hub gives no size and checksum of {file.rfilename}")
    content = _small_file(_address_of(hub, file.rfilename), file.size)
    header = f"blob {len(content)}\0".encode()
    if hashlib.sha1(header + content, usedforsecurity=False).hexdigest() != file.blob_id:
        raise FetchError(f"rejected: {file.rfilename} is not the file that the hub describes")
    return {"bytes": file.size, "sha256": hashlib.sha256(content).hexdigest()}


def _small_file(address: str, size: int) -> bytes:
    """At most `size` bytes and one more, by which a longer file is noticed."""
    try:
        with urllib.request.urlopen(_request(address), timeout=TIMEOUT_S) as response:  # noqa: S310
            return bytes(response.read(size + 1))
    except urllib.error.HTTPError as error:
        raise FetchError(f"{address}: the hub answered {error.code} {error.reason}") from error
    except BROKEN as error:
        raise FetchError(f"the hub cannot be reached: {error}") from error


def _gated(repository: str) -> str:
    return (
        f"the hub shows {repository} only to those who accepted its terms: do that on the page of "
        f"the repository, make a token there, and pull again with HF_TOKEN=…"
    )


def fetch(
    model: Model,
    wanted: Collection[str],
    folder: Path,
    progress: Progress,
    address_of: Callable[[Hub, str], str] | None = None,
) -> None:
    """Write the files `wanted` of `model` into `folder`; FetchError if that fails."""
    if model.hub is None:
        raise FetchError("the hub does not have it for everyone")
    address_of = address_of or _address_of
    progress.message(f"{model.name}: hub {model.hub.repository} at {model.hub.revision[:12]}")
    total = sum(model.files[name].bytes for name in wanted)
    done = 0
    for name in wanted:
        address = address_of(model.hub, name)
        _fetch_file(address, folder / name, with_offset(progress, done, total))
        done += model.files[name].bytes
    progress.update(total, total)


def _address_of(hub: Hub, name: str) -> str:
    """From the hub's own library, which respects a mirror in HF_ENDPOINT."""
    try:
        from huggingface_hub import hf_hub_url  # noqa: PLC0415 (takes half a second)
    except ImportError:
        raise FetchError("the library huggingface-hub is not installed") from None
    return hf_hub_url(hub.repository, name, revision=hub.revision, endpoint=_endpoint())


def _endpoint() -> str | None:
    """The hub's mirror, if there is one."""
    return os.environ.get("HF_ENDPOINT") or None


def _fetch_file(address: str, path: Path, update: Callable[[int], None]) -> None:
    """Download to `path`; after a broken connection from where it stopped."""
    failures = 0
    while True:
        before = path.stat().st_size if path.exists() else 0
        try:
            _continue(address, path, before, update)
        except urllib.error.HTTPError as error:
            reason = f"{error.code} {error.reason}"
            if error.code == NOT_SATISFIABLE:
                path.unlink(missing_ok=True)  # it is longer than the hub's: start again
            elif error.code not in TRANSIENT:
                advice = "; set HF_TOKEN to a token of the hub" if error.code in REFUSED else ""
                answered = f"{path.name}: the hub answered {reason}{advice}"
                raise FetchError(answered) from error
        except BROKEN as error:
            reason = str(getattr(error, "reason", error))
        else:
            return
        grown = path.exists() and path.stat().st_size > before
        failures = 1 if grown else failures + 1
        if failures >= MAXIMUM_FAILURES:
            raise FetchBrokenOff(f"{path.name}: the hub cannot be reached: {reason}")
        time.sleep(RETRY.delay_s(failures))


def _continue(address: str, path: Path, start: int, update: Callable[[int], None]) -> None:
    """One connection: append the rest, or start again if the server does not support ranges."""
    request = _request(address)
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        if response.status != PARTIAL_CONTENT:
            start = 0
        expected = response.length
        with path.open("ab" if start else "wb") as file:
            while block := response.read(BLOCK_BYTES):
                file.write(block)
                update(file.tell())
            received = file.tell() - start
    if expected is not None and received < expected:
        raise ConnectionError(f"the connection broke after {start + received} bytes")


def _request(address: str) -> urllib.request.Request:
    request = urllib.request.Request(address)  # noqa: S310 (made from the catalogue)
    if token := os.environ.get("HF_TOKEN"):
        # The token is not sent to the host to which the hub redirects.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    return request
