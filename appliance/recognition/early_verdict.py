"""The verdict on a sentence that is still being spoken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.values import Samples, SentenceProgress


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class EarlyVerdict:
    """The progress of a sentence at one moment."""

    samples: Samples
    """The sound in question: the same object as in the request."""
    mark: int
    """Number of frames with speech; the verdict holds until there are more."""
    progress: SentenceProgress
    thorough: bool = False
    """Whether the whole sentence would be recognised as the same."""
