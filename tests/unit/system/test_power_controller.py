"""A Pi 5's power controller: what is asked, and how its answer is read."""

from __future__ import annotations

import struct

import pytest

from appliance.system.sensors.power_controller import ANSWERED, GENCMD, ask, rails_watts

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


def test_the_rails_that_have_both_are_summed_and_the_input_is_not() -> None:
    assert rails_watts(ANSWER) == pytest.approx(0.37 + 0.165 + 1.2)


@pytest.mark.parametrize("answer", ["", 'error=1 error_msg="Command not registered"', "\x00\xff"])
def test_another_board_s_answer_is_no_measurement(answer: str) -> None:
    assert rails_watts(answer) is None


def test_the_question_goes_as_the_firmware_wants_it_and_the_answer_comes_back() -> None:
    def firmware(message: bytearray) -> None:
        size, code, tag, room, _, _ = struct.unpack_from("<6I", message)
        assert (size, code, tag, room) == (len(message), 0, GENCMD, 1024)
        assert message[24:].startswith(b"pmic_read_adc\0")
        assert message[-4:] == bytes(4)  # the end tag
        struct.pack_into("<I", message, 4, ANSWERED)
        message[24 : 24 + len(ANSWER) + 1] = ANSWER.encode() + b"\0"

    assert ask("pmic_read_adc", firmware) == ANSWER


@pytest.mark.parametrize(("code", "error"), [(0, 0), (0x80000001, 0), (ANSWERED, 1)])
def test_a_firmware_that_refuses_is_an_error(code: int, error: int) -> None:
    def firmware(message: bytearray) -> None:
        struct.pack_into("<I", message, 4, code)
        struct.pack_into("<I", message, 20, error)

    with pytest.raises(OSError, match="the firmware does not answer"):
        ask("pmic_read_adc", firmware)
