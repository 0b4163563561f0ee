"""The voices that tests and measurements speak with say the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from measure.voices import PICO, pico


@pytest.mark.parametrize("language", sorted(PICO))
def test_the_same_words_sound_the_same_each_time(language: str) -> None:
    first, second, third = (pico("lamp 7", language) for _ in range(3))
    assert len(first) > 4000
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)
