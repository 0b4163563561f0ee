"""`appliance support-bundle`: writes the archive that an owner attaches to a bug report."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import os
import platform
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance import __version__, doctor
from appliance.commands.config import HIDDEN, current_settings
from appliance.config import load
from appliance.errors import ApplianceError, ConfigError
from appliance.mqtt import credentials
from appliance.system import kept_faults
from appliance.system.sensors import Board, board_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from appliance.config import Config

JOURNAL = ("journalctl", "--namespace=appliance", "--unit=appliance.service")
JOURNAL_OPTIONS = ("--priority=info", "--lines=2000", "--output=short-iso", "--no-pager")
"""Options with level `info` and above: spoken words are logged only at `debug`."""

TIMEOUT_S = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = """\
Example:
  sudo appliance support-bundle --output /tmp

The archive has versions, configuration, the answers of `check`, readings of
the board, the last faults and the log. It has no password, no login, no
recording and nothing that was said, asked or answered."""
    parser.add_argument(
        "--output", type=Path, metavar="PATH", help="a file or folder (default: this folder)"
    )
    parser.add_argument(
        "--recent-log",
        type=Path,
        metavar="FILE",
        help="lines of the log to add, beside those that systemd has",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the archive and print its content."""
    name = time.strftime("appliance-support-%Y%m%d-%H%M%S", time.gmtime())
    path = arguments.output or Path()
    if path.is_dir():
        path /= f"{name}.tar.gz"
    files = contents(arguments.config, arguments.recent_log)
    try:
        _write(path, name, files)
    except OSError as error:
        raise ApplianceError(
            f"{path} cannot be written: {error.strerror}; choose another path with --output"
        ) from error
    print(f"{path}:")
    for file in files:
        print(f"    {file}")
    print("It has no password, no recording and nothing that was said. Look through it first.")
    return 0


def contents(config_path: Path, recent_log: Path | None = None) -> dict[str, str]:
    """The files by name; a file that could not be made has the reason as its content."""
    files = {"versions.json": _content_of(_versions)}
    try:
        config = load(config_path)
    except ConfigError as error:
        # A file with mistakes may have a secret in a wrong place: only the mistakes are included.
        files["config-problems.txt"] = str(error)
        return files
    secrets = _secrets(config)
    parts: dict[str, Callable[[], str]] = {
        "config.json": lambda: _json(current_settings(config)),
        "check.json": lambda: _json(_checked(config, doctor.USUAL)),
        "check-offline.json": lambda: _json(_checked(config, doctor.OFFLINE)),
        "board.json": lambda: _json(_board(config)),
        "faults.jsonl": lambda: _faults(config),
        "files.txt": lambda: _listing(config),
        "log.txt": _log,
    }
    if recent_log is not None:
        parts["recent-log.txt"] = lambda: recent_log.read_text("utf-8", "replace")
    for name, make in parts.items():
        files[name] = _without(secrets, _content_of(make))
    return files


def _content_of(make: Callable[[], str]) -> str:
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - the other files are still useful
        return f"cannot be made: {type(error).__name__}: {error}\n"


def _secrets(config: Config) -> list[str]:
    """Texts that must not appear in any file; longest first."""
    found = [config.mqtt.username]
    try:
        password = credentials.password(config.mqtt)
    except ApplianceError:
        password = None
    if password:
        found.append(password.decode("utf-8", "replace"))
    return sorted((secret for secret in found if secret), key=len, reverse=True)


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
        text = text.replace(msgspec.json.encode(secret).decode()[1:-1], HIDDEN)
    return text


def _versions() -> str:
    packages = {
        found.metadata["Name"]: found.version for found in importlib.metadata.distributions()
    }
    system = _os_release()
    return _json(
        {
            "appliance": __version__,
            "python": sys.version,
            "machine": platform.machine(),
            "kernel": platform.release(),
            "system": system,
            "libc": " ".join(platform.libc_ver()),
            "packages": dict(sorted(packages.items())),
        }
    )


def _os_release() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _checked(config: Config, questions: tuple[str, ...]) -> list[Any]:
    answers = doctor.examine(doctor.context_of(config), questions)
    return [msgspec.to_builtins(answer) for answer in answers]


def _board(config: Config) -> dict[str, Any]:
    board = Board(board_root(), state_directory=config.state_directory)
    return {"model": board.model, **dataclasses.asdict(board.read())}


def _faults(config: Config) -> str:
    kept = kept_faults.read(config.state_directory)
    return "".join(msgspec.json.encode(fault).decode() + "\n" for fault in kept)


def _listing(config: Config) -> str:
    """Names and sizes of the files, without their contents."""
    lines = []
    for folder in (config.state_directory, config.models_directory):
        lines.append(f"{folder}:")
        for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
            if path.is_file():
                size = path.stat().st_size
                lines.append(f"    {size:>12} {path.relative_to(folder)}")
    return "\n".join(lines) + "\n"


def _log() -> str:
    done = subprocess.run(  # noqa: S603 - a fixed command
        [*JOURNAL, *JOURNAL_OPTIONS],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return done.stdout if done.returncode == 0 else f"journalctl: {done.stderr.strip()}\n"


def _json(content: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def _write(path: Path, name: str, files: dict[str, str]) -> None:
    """Readable for the owner only: it has many details of the machine."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as opened, tarfile.open(fileobj=opened, mode="w:gz") as archive:
        for each, text in files.items():
            content = text.encode("utf-8", "replace")
            entry = tarfile.TarInfo(f"{name}/{each}")
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(content))
