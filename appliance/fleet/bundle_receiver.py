"""Receives bundles over MQTT, starts their trial, and activates them or rolls them back."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import ApplianceError, BundleError
from appliance.fleet import bundle as bundles
from appliance.fleet import bundle_check, signature
from appliance.fleet.bundle_store import BundleStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config
    from appliance.messages.control_requests import ControlRequest
    from appliance.messages.request_payloads import Answer, ApplyRequest
    from appliance.pushed_bundle import BundleRecord

logger = logging.getLogger(__name__)

RESTART_STATUS = 75
"""Exit status (EX_TEMPFAIL) after which systemd starts the appliance again."""

OFF = "this board takes no bundles: fleet.public_key is empty"
BUSY = "another bundle is being checked; ask again in a moment"


class BundleReceiver:
    """Verifies and checks a bundle, and installs it for a trial from the next start on."""

    def __init__(
        self,
        config_path: Path,
        config: Config,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config_path = config_path
        self._settings = config.fleet
        self._store = BundleStore(config.state_directory)
        self._clock = clock
        self._busy = threading.Lock()
        self._ends_at: float | None = None
        self._on_trial = self._store.record.state == "trial"
        self.restart_asked = False
        """Whether the daemon must restart in order to use another bundle."""

    @property
    def record(self) -> BundleRecord | None:
        """The state of bundles; None if this board takes none."""
        return self._store.record if self._settings.public_key else None

    def receive(
        self, control: ControlRequest, form: ApplyRequest, answer: Callable[[Answer], None]
    ) -> Answer | None:
        """Take a bundle; the answer comes later unless it is refused at once."""
        if not self._settings.public_key:
            return control.rejected("unsupported", OFF)
        if not self._busy.acquire(blocking=False):
            return control.rejected("busy", BUSY)
        threading.Thread(
            target=self._run, args=(control, form, answer), name="bundle", daemon=True
        ).start()
        return None

    def tick(self, fault: str) -> bool:
        """End a trial whose time is over; return whether it ended. `fault` is the present fault."""
        if not self._on_trial:
            return False
        if self._ends_at is None:  # it is ready now; loading models may have taken long
            self._ends_at = self._clock() + self._settings.trial_s
        if self._clock() < self._ends_at:
            return False
        self._on_trial = False
        if fault:
            self._store.take_back(fault)
            self.restart_asked = True
        else:
            self._store.confirm()
        return True

    def _run(
        self, control: ControlRequest, form: ApplyRequest, answer: Callable[[Answer], None]
    ) -> None:
        try:
            told = self._taken(form)
            answer(control.done(told))
            # Set after the answer, which is still sent when the daemon stops.
            self.restart_asked = told["state"] == "trial"
        except (ApplianceError, OSError) as error:  # OSError: the disk is full
            logger.warning("a bundle was refused: %s", error)
            answer(control.rejected("invalid", str(error)))
        finally:
            self._busy.release()

    def _taken(self, form: ApplyRequest) -> dict[str, object]:
        """Verify the signature, then check the bundle; return the data of the answer."""
        try:
            signed = base64.b64decode(form.bundle, validate=True)
            given = base64.b64decode(form.signature, validate=True)
        except (binascii.Error, ValueError):
            raise BundleError("bundle and signature must be base64") from None
        signature.verify(signed, given, Path(self._settings.public_key).expanduser())
        bundle = bundles.read(signed)
        if not self._store.write(bundle, signed):
            return {"serial": bundle.serial, "state": self._store.record.state}
        if problem := bundle_check.problem_of(self._config_path, bundle.serial):
            self._store.refuse(bundle, signed, problem)
            raise BundleError(problem)
        self._store.begin_trial(bundle, signed)
        logger.warning("the trial of bundle %d begins: the appliance restarts", bundle.serial)
        return {"serial": bundle.serial, "state": "trial"}
