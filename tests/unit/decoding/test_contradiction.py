"""What free speech says clearly, and the sentence does not."""

from __future__ import annotations

import pytest

from appliance.decoding.contradiction import Evidence, contradicts


@pytest.mark.parametrize(
    ("free", "said", "measured", "believed"),
    [
        ("Turn on the bathroom light.", "Turn on the bedroom light.", (8.6, 1.22, -0.24), True),
        ("I'm like a right rose latte.", "I'd like a light roast latte.", (8.3, 0.6, -0.37), False),
        ("Set it to 40 degrees.", "Set it to 30 degrees.", (5.0, 0.62, -0.28), True),
        ("Set it to forty degrees.", "Set it to 40 degrees.", (5.0, 0.62, -0.28), False),
        ("Wake me at 7.30 am.", "Wake me at 7 30 a.m.", (-0.7, 0.0, -0.41), False),
        ("Get me a dark roast mocha.", "Get me a mocha.", (18.0, 0.7, -0.1), True),
        ("Luck Miflin tour", "Lock the front door.", (9.0, 1.5, -1.45), False),
        ("and like a cappuccino", "I'd like a cappuccino.", (7.7, 0.6, -0.37), False),
    ],
)
def test_free_speech_is_believed_where_it_is_sure_and_says_something_else(
    free: str, said: str, measured: tuple[float, float, float], *, believed: bool
) -> None:
    surplus, deficit, fit = measured
    evidence = Evidence(surplus=surplus, deficit=deficit, fit=fit)
    assert contradicts(free, said, "en", evidence) is believed
