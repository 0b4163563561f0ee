"""A bundle: sentences, devices file and settings as texts, with a serial number."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.errors import UNREADABLE_JSON, UNREADABLE_TOML, BundleError
from appliance.pushed_bundle import DEVICES, SENTENCES, SETTINGS, refused_settings

if TYPE_CHECKING:
    from pathlib import Path

MOST_FILES, MOST_BYTES = 200, 1_000_000
"""Maximum number of files of a bundle, and of their bytes."""

FILE_NAME = re.compile(
    rf"({re.escape(SETTINGS)}|{re.escape(DEVICES)}"
    rf"|{SENTENCES}/([a-z]{{2,3}}(-[A-Za-z]{{2,4}}){{0,2}}/)?[A-Za-z0-9][A-Za-z0-9_-]{{0,63}}\.ya?ml)"
)


class Bundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signed content, as JSON."""

    form: Literal["appliance-bundle-1"] = "appliance-bundle-1"
    serial: Annotated[int, Meta(ge=1, le=2**53)]
    """Serial number. Each new bundle needs a higher one; a board refuses an equal or lower one."""
    made_at: Annotated[str, Meta(max_length=64)]
    """UTC, ISO 8601; for people."""
    files: dict[str, str]
    """Texts by file name: `settings.toml`, `devices.yaml`, `sentences/….yaml`."""


class SignedBundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bundle file."""

    bundle: bytes
    """JSON of a Bundle; exactly these bytes are signed."""
    signature: bytes


def read(content: bytes) -> Bundle:
    """Read the signed content.

    Raises:
        BundleError: it is not a bundle, is too large, or contains something forbidden.

    """
    if len(content) > MOST_BYTES:
        raise BundleError(f"the bundle has more than {MOST_BYTES:,} bytes")
    try:
        bundle = msgspec.json.decode(content, type=Bundle)
    except UNREADABLE_JSON as error:
        raise BundleError(f"this is not a bundle: {error}") from None
    check(bundle)
    return bundle


def check(bundle: Bundle) -> None:
    """Check names and settings.

    Raises:
        BundleError: with every problem.

    """
    problems = [f"{name!r} may not be in a bundle" for name in bundle.files if not _is_name(name)]
    if not bundle.files or len(bundle.files) > MOST_FILES:
        problems.append(f"a bundle has 1 to {MOST_FILES} files")
    try:
        problems += refused_settings(tomllib.loads(bundle.files.get(SETTINGS, "")))
    except UNREADABLE_TOML as error:
        problems.append(f"{SETTINGS}: not valid TOML: {error}")
    if problems:
        raise BundleError("; ".join(problems))


def gather(
    serial: int,
    made_at: str,
    *,
    sentences: Path | None = None,
    devices: Path | None = None,
    settings: Path | None = None,
) -> Bundle:
    """A bundle of files.

    Raises:
        BundleError: a file cannot be read, or may not be in a bundle.

    """
    files: dict[str, str] = {}
    try:
        if settings is not None:
            files[SETTINGS] = settings.read_text(encoding="utf-8")
        if devices is not None:
            files[DEVICES] = devices.read_text(encoding="utf-8")
        if sentences is not None:
            for path in sorted(sentences.rglob("*.y*ml")):
                name = path.relative_to(sentences).as_posix()
                files[f"{SENTENCES}/{name}"] = path.read_text(encoding="utf-8")
            if not any(name.startswith(SENTENCES) for name in files):
                raise BundleError(f"{sentences}: no .yaml file in this folder")
    except OSError as error:
        raise BundleError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BundleError(f"a file is not UTF-8 text, at byte {error.start}") from error
    bundle = Bundle(serial=serial, made_at=made_at, files=files)
    check(bundle)
    return bundle


def _is_name(name: str) -> bool:
    return FILE_NAME.fullmatch(name) is not None
