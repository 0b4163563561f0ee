"""How long to wait before the next attempt."""

from __future__ import annotations

import pytest

from appliance.backoff import Backoff


def test_the_delay_doubles_after_each_failure_up_to_the_longest() -> None:
    backoff = Backoff(first_s=2.0, longest_s=10.0)
    assert [backoff.delay_s(failures) for failures in (1, 2, 3, 4, 5_000)] == [2, 4, 8, 10, 10]


@pytest.mark.parametrize(("chance", "delay_s"), [(0.0, 8.0), (0.5, 6.0), (1.0, 4.0)])
def test_jitter_shortens_the_delay_by_its_share_at_most(chance: float, delay_s: float) -> None:
    backoff = Backoff(first_s=8.0, longest_s=60.0, jitter=0.5, chance=lambda: chance)
    assert backoff.delay_s(1) == delay_s
