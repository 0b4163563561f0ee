"""Fixtures that tests of several packages use."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from support.free_port import free_port as new_free_port
from support.mosquitto import Mosquitto
from support.requirements import skip_unless_ci

REPOSITORY = Path(__file__).parent.parent

# Boards and build machines are noisy: no example fails, and none is too slow to draw, by the clock.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, files run in parallel, and those with real sound one after the other."""
    from support.parallel import FilesInParallel  # noqa: PLC0415  (only if pytest-xdist is here)

    return FilesInParallel(config, log)


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A command that a test calls sets the log up for itself; the next test is not to meet that."""
    ours, root = logging.getLogger("appliance"), logging.getLogger()
    level, root_level, handlers = ours.level, root.level, root.handlers[:]
    yield
    ours.setLevel(level)
    root.setLevel(root_level)
    root.handlers[:] = handlers
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def models_directory() -> Path:
    """The folder of pulled models: whisper-tiny.en/ and smollm2-135m-instruct/ are in it."""
    from appliance.config import Config  # noqa: PLC0415  (after the environment is settled)

    chosen = os.environ.get("APPLIANCE_MODELS")
    directory = Path(chosen) if chosen else Config().models_directory
    if not (directory / "whisper-tiny.en" / "model.bin").is_file():
        skip_unless_ci(f"no models in {directory}: run script/test, or appliance models pull")
    return directory


@pytest.fixture(scope="session")
def speech() -> Path:
    """Recordings of people, which are not part of the repository."""
    chosen = os.environ.get("APPLIANCE_SPEECH")
    directory = Path(chosen) if chosen else REPOSITORY.parent / "shared" / "speech"
    if not directory.is_dir():
        pytest.skip(f"no recordings of people in {directory} (set APPLIANCE_SPEECH)")
    return directory


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A mosquitto that keeps its sessions over a restart."""
    with Mosquitto(tmp_path_factory.mktemp("broker"), persistent=True) as running:
        yield running


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    return new_free_port()
