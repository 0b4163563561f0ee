"""Whether a slot that is being tried works: ready, connected, and it understands."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance_image import toml_text
from appliance_image.appliance_calls import Appliance, service_state
from appliance_image.config_item import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

READY_WITHIN_S = 600.0
"""The slowest board loads its models in a fifth of it; an emulated one takes longer."""


@dataclass(frozen=True)
class Health:
    """The questions, one after the other until one is answered badly."""

    appliance: Appliance
    base_config: Path = Path("/usr/share/appliance/config.toml")
    samples: Path | None = None
    """Recordings with their manifest; None: those of the appliance."""
    work: Path = Path("/run/appliance-image")
    state_of_service: Callable[[float], str] = service_state
    worked_out: Path = Path("/var/lib/appliance/speech")
    """What the service has made of its model at its start; it is not made here again."""

    def problem(self, known_errors: Sequence[str]) -> str | None:
        """What is wrong that was not wrong before the trial, or None where all is well."""
        state = self.state_of_service(READY_WITHIN_S)
        if state != "active":
            return f"the service does not become ready: it is {state or 'unknown to systemd'}"
        known = {error.partition(":")[0] for error in known_errors}
        for error in self.appliance.errors():
            if error.partition(":")[0] not in known:
                return f"appliance check: {error}"
        try:
            return self._understands()
        except (OSError, ValueError) as failure:
            return f"the shipped recording could not be tried: {failure}"

    def _understands(self) -> str | None:
        samples = self.samples or self.appliance.samples()
        line = json.loads((samples / "manifest.jsonl").read_text().splitlines()[0])
        config = self.work / "health.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(self._config())
        if self.worked_out.is_dir():
            shutil.copytree(self.worked_out, self.work / "health/speech", dirs_exist_ok=True)
        result = self.appliance.hears(samples / line["audio"], config)
        intent = (result.get("intent") or {}).get("name")
        if intent == line["intent"]:
            return None
        what = result.get("error") or result.get("text") or result.get("outcome")
        return f"the recording {line['audio']} was not understood: {what}"

    def _config(self) -> str:
        """The image's models and the starter sentences, whatever the owner has changed."""
        base = toml_text.read(self.base_config)
        device, speech = base.get("device", {}), base.get("speech", {})
        return toml_text.write(
            {
                "device": {
                    "language": "en",
                    "models_directory": device.get("models_directory") or MODELS,
                    "state_directory": f"{self.work / 'health'}",
                },
                "speech": {"model": speech.get("model", "auto")},
                "language_model": {"enabled": False},
            }
        )
