"""Parsing of the reply of a Pi 5's power controller."""

from __future__ import annotations

import pytest

from appliance.system.sensors.power_controller import rails_watts

ANSWER = """\
 3V7_WL_SW_A current(0)=0.10000000A
   3V3_SYS_A current(1)=0.05000000A
  VDD_CORE_A current(7)=1.50000000A
 3V7_WL_SW_V volt(8)=3.70000000V
   3V3_SYS_V volt(9)=3.30000000V
  VDD_CORE_V volt(15)=0.80000000V
     EXT5V_V volt(24)=5.10000000V
      BATT_V volt(25)=0.00000000V
"""


def test_only_rails_with_volts_and_amperes_are_summed() -> None:
    assert rails_watts(ANSWER) == pytest.approx(0.37 + 0.165 + 1.2)


@pytest.mark.parametrize("answer", ["", "throttled=0x0", "\x00\xff"])
def test_another_board_s_reply_is_not_a_measurement(answer: str) -> None:
    assert rails_watts(answer) is None
