"""Records for each run whether it stopped cleanly, and its faults."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from appliance.errors import ApplianceError, ThreadStuck
from appliance.system.kept_faults import FaultRing
from appliance.system.logs import PACKAGE
from appliance.system.run_mark import RunMark

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

logger = logging.getLogger(__name__)


class RunRecord:
    """One run, while the state directory is locked."""

    def __init__(self, directory: Path) -> None:
        self._mark = RunMark(directory)
        self._ring = FaultRing(directory)

    def __enter__(self) -> Self:
        logging.getLogger(PACKAGE).addHandler(self._ring)
        ending = self._mark.create()
        if ending is not None:
            logger.warning("%s; accepted work is on disk and continues", ending)
            self._ring.keep(__name__, str(ending))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note that everything has stopped. An ApplianceError is a clean stop, a crash is not."""
        clean = kind is None or (issubclass(kind, ApplianceError) and kind is not ThreadStuck)
        if error is not None and getattr(error, "exit_status", 1) != 0:
            self._ring.keep(__name__, str(error) if clean else f"crashed: {type(error).__name__}")
        logging.getLogger(PACKAGE).removeHandler(self._ring)
        self._ring.close()
        if clean:
            self._mark.remove()
