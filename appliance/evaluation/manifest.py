"""A manifest of recordings with what is expected of each, and whether a result is that."""

from __future__ import annotations

import codecs
import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from appliance.errors import ManifestError
from appliance.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.values import Result

SAMPLES = Path(str(importlib.resources.files("appliance"))) / "samples"
"""The recordings that are shipped, with their `manifest.jsonl`."""

UNUNDERSTOOD = frozenset(
    {Outcome.NOT_UNDERSTOOD, Outcome.NO_SPEECH, Outcome.REFUSED, Outcome.ANSWER}
)
"""What may come of something that is none of the sentences: no intent, at any rate."""

NAMED = 5
"""Missing recordings in a message; an owner who moved a folder need not read them all."""


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a manifest. Other keys are allowed and not looked at."""

    audio: str | None = None
    """A path, relative to the manifest; without one, the text is what is worked on."""
    text: str | None = None
    """The words that are said."""
    intent: str | UnsetType | None = UNSET
    """The intent that is meant; null where it must be refused; absent where only words count."""
    slots: dict[str, Any] = {}
    """Exactly the slots that are meant."""
    outcome: Outcome | None = None
    """The outcome, where it must be that one and no other."""


def read(path: Path) -> list[Clip]:
    """The lines of a manifest (JSON, one document a line).

    Raises:
        ManifestError: it cannot be read, or a line, which is named, is not of the form.

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
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ManifestError(f"{path}:{number}: {error}") from error
    return clips


def _clip(line: bytes) -> Clip:
    clip = msgspec.json.decode(line, type=Clip)
    if clip.audio is None and not clip.text:
        raise msgspec.ValidationError("neither `audio` nor `text` is given")
    return clip


def check_recordings(path: Path, clips: Sequence[Clip]) -> None:
    """Look now, rather than after minutes of work, whether every recording is there.

    Raises:
        ManifestError: one is not; the first few are named.

    """
    named = (clip.audio for clip in clips if clip.audio is not None)
    missing = list(dict.fromkeys(name for name in named if not (path.parent / name).is_file()))
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        names = ", ".join(missing[:NAMED])
        raise ManifestError(f"{path}: not beside it: {names}{more}")


def is_as_expected(clip: Clip, results: list[Result]) -> bool:
    """Whether the results of a clip, in order, are the one that it asks for.

    Nothing at all is right where no speech is expected: an ear that is always open has
    nothing to say about silence.
    """
    if not results:
        return clip.outcome is Outcome.NO_SPEECH
    if len(results) > 1:
        return False
    (result,) = results
    if clip.outcome is not None and result.outcome is not clip.outcome:
        return False
    if clip.intent is None:
        return result.outcome in UNUNDERSTOOD
    if clip.intent is UNSET:
        return True
    return (
        result.intent is not None
        and result.intent.name == clip.intent
        and comparable(result.intent.slots) == comparable(clip.slots)
    )


def comparable(slots: dict[str, Any]) -> dict[str, str]:
    """Slots for a comparison in which `Kitchen` is `kitchen` and 5 is "5".

    Punctuation counts, unlike in sentences: a slot's value goes to other systems as it is.
    """
    return {name: str(value).casefold() for name, value in slots.items()}
