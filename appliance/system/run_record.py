"""What is remembered of each run: whether it ended in order, and what went wrong in it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from appliance.errors import ApplianceError, ThreadStuck
from appliance.system.fault_log import FaultRing
from appliance.system.logs import OURS
from appliance.system.run_mark import RunMark

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

logger = logging.getLogger(__name__)


class RunRecord:
    """A run, from when the state directory is ours until just before it is given back."""

    def __init__(self, directory: Path) -> None:
        self._mark = RunMark(directory)
        self._ring = FaultRing(directory)

    def __enter__(self) -> Self:
        logging.getLogger(OURS).addHandler(self._ring)
        ending = self._mark.put()
        if ending is not None:
            logger.warning("%s; what was accepted is on disk and goes on", ending)
            self._ring.keep(__name__, str(ending))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Everything has been stopped; an error of ours ends a run in order, a crash does not."""
        in_order = kind is None or (issubclass(kind, ApplianceError) and kind is not ThreadStuck)
        if error is not None and getattr(error, "exit_status", 1) != 0:
            self._ring.keep(
                __name__, str(error) if in_order else f"crashed: {type(error).__name__}"
            )
        logging.getLogger(OURS).removeHandler(self._ring)
        self._ring.close()
        if in_order:
            self._mark.take_away()
