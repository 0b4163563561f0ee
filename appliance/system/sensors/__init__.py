"""The sensors of the board, one file for each source of values."""

from appliance.system.sensors.board_sensors import (
    DEAD_BANDS,
    Board,
    Transitions,
    board_root,
    changed,
)

__all__ = ["DEAD_BANDS", "Board", "Transitions", "board_root", "changed"]
