"""Reads a manifest: recordings with the expected result of each; compares results with it."""

from __future__ import annotations

import codecs
import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from appliance.errors import UNREADABLE_JSON, ManifestError
from appliance.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.values import Result

SAMPLES = Path(str(importlib.resources.files("appliance"))) / "samples"
"""The shipped recordings, with their `manifest.jsonl`."""

NO_INTENT = frozenset({Outcome.NOT_UNDERSTOOD, Outcome.NO_SPEECH, Outcome.REFUSED, Outcome.ANSWER})
"""Correct outcomes for a clip that is none of the declared sentences."""

MOST_NAMED = 5
"""Maximum number of missing recordings in a message; if a folder was moved, all are missing."""


class ExpectedCommand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several commands in one sentence."""

    intent: str
    slots: dict[str, Any] = {}


class Clip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a manifest; unknown keys are ignored."""

    audio: str | None = None
    """Path relative to the manifest; without one, `text` is evaluated as text."""
    text: str | None = None
    """The words that are spoken."""
    intent: str | UnsetType | None = UNSET
    """The expected intent; null if it must be rejected; absent if only the words count."""
    slots: dict[str, Any] = {}
    """All expected slots."""
    intents: tuple[ExpectedCommand, ...] = ()
    """All commands in order, in place of `intent` and `slots`, if the sentence has several."""
    outcome: Outcome | None = None
    """The expected outcome, if only one is correct."""
    area: str = ""
    """The room of the speaker; empty: that of the appliance."""


def read(path: Path) -> list[Clip]:
    """The lines of a manifest (JSON, one document a line).

    Raises:
        ManifestError: it cannot be read, or a line is wrong; the message has its number.

    """
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}") from error
    clips = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                clips.append(_clip(line))
            except UNREADABLE_JSON as error:
                raise ManifestError(f"{path}:{number}: {error}") from error
    return clips


def _clip(line: bytes) -> Clip:
    clip = msgspec.json.decode(line, type=Clip)
    if clip.intents:
        clip = msgspec.structs.replace(clip, intent=clip.intents[0].intent)
    if clip.audio is None and not clip.text:
        raise msgspec.ValidationError("`audio` and `text` are both missing")
    return clip


def check_recordings(path: Path, clips: Sequence[Clip]) -> None:
    """Check that every recording exists, before minutes of work.

    Raises:
        ManifestError: some do not; the message names the first few.

    """
    named = (clip.audio for clip in clips if clip.audio is not None)
    missing = list(dict.fromkeys(name for name in named if not (path.parent / name).is_file()))
    if missing:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        names = ", ".join(missing[:MOST_NAMED])
        raise ManifestError(f"{path}: recordings not found: {names}{more}")


def is_as_expected(clip: Clip, results: list[Result]) -> bool:
    """Whether the results of a clip are exactly the expected one.

    If no speech is expected, an empty list is correct, too: continuous listening reports nothing
    for silence.
    """
    if not results:
        return clip.outcome is Outcome.NO_SPEECH
    if len(results) > 1:
        return False
    (result,) = results
    if clip.outcome is not None and result.outcome is not clip.outcome:
        return False
    if clip.intent is None:
        return result.outcome in NO_INTENT
    if clip.intent is UNSET:
        return True
    return is_as_meant(clip, result)


def is_as_meant(clip: Clip, result: Result) -> bool:
    """Whether the commands of a result are exactly those that the clip expects, in order."""
    expected = [(name, comparable(slots)) for name, slots in expected_commands(clip)]
    return expected == [(one.name, comparable(one.slots)) for one in result.commands]


def expected_commands(clip: Clip) -> list[tuple[str, dict[str, Any]]]:
    """Intent and slots of each command that a clip expects; empty if it must be rejected."""
    if clip.intents:
        return [(one.intent, one.slots) for one in clip.intents]
    return [(clip.intent, clip.slots)] if clip.intent else []


def comparable(slots: dict[str, Any]) -> dict[str, str]:
    """Slots for a comparison in which `Kitchen` is `kitchen` and 5 is "5".

    Punctuation counts, unlike in sentences: a slot's value goes to other systems as it is.
    """
    return {name: str(value).casefold() for name, value in slots.items()}
