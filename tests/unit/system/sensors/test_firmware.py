"""The firmware's mailbox: format of commands and replies."""

from __future__ import annotations

import struct

import pytest

from appliance.system.sensors.firmware import GENCMD, RESPONSE_OK, send_command

TEMPERATURE = "temp=48.2'C"


def test_a_command_is_sent_in_the_firmware_s_format_and_its_reply_returned() -> None:
    def firmware(message: bytearray) -> None:
        size, code, tag, room, _, _ = struct.unpack_from("<6I", message)
        assert (size, code, tag, room) == (len(message), 0, GENCMD, 1024)
        assert message[24:].startswith(b"measure_temp\0")
        assert message[-4:] == bytes(4)  # the end tag
        struct.pack_into("<I", message, 4, RESPONSE_OK)
        message[24 : 24 + len(TEMPERATURE) + 1] = TEMPERATURE.encode() + b"\0"

    assert send_command("measure_temp", firmware) == TEMPERATURE


@pytest.mark.parametrize(("code", "error"), [(0, 0), (0x80000001, 0), (RESPONSE_OK, 1)])
def test_a_firmware_that_refuses_is_an_error(code: int, error: int) -> None:
    def firmware(message: bytearray) -> None:
        struct.pack_into("<I", message, 4, code)
        struct.pack_into("<I", message, 20, error)

    with pytest.raises(OSError, match="the firmware does not answer"):
        send_command("measure_temp", firmware)


def test_an_unknown_command_has_an_empty_reply() -> None:
    def firmware(message: bytearray) -> None:
        struct.pack_into("<I", message, 4, RESPONSE_OK)
        words = b'error=1 error_msg="Command not registered"\0'
        message[24 : 24 + len(words)] = words

    assert send_command("pmic_read_adc", firmware) == ""
