"""What a sentence is while it is still being spoken: the answer to a look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.values import Samples, SentenceProgress


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class EarlyVerdict:
    """What the sentence was at one moment."""

    samples: Samples
    """The sound that was asked about, the very object."""
    mark: int
    """Frames with speech in it: the verdict holds as long as there are no more."""
    progress: SentenceProgress
    thorough: bool = False
    """Whether the whole sentence would be recognised as the same."""
