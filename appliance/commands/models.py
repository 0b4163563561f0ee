"""`appliance models`: lists, pulls, verifies and removes the models of the catalogue."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from appliance import config as configuration
from appliance.commands.action_parsers import add_actions
from appliance.errors import FetchError
from appliance.models import catalogue
from appliance.models.speech_model_choice import usable_model, wanted_model, with_model
from appliance.models.store import Condition, ModelState, Store, is_path
from appliance.system.sensors import board_root, load_memory_disk

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from appliance.config import Config
    from appliance.models.catalogue import HubModel, Model

WRONG_USE = 2
EXIT_STATUS = {ModelState.READY: 0, ModelState.DAMAGED: 1, ModelState.MISSING: 69}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `appliance models`."""
    parser.epilog = """\
Examples:
  appliance models list
  appliance models pull                 those in config.toml
  appliance models pull whisper-base
  appliance models pull llama-3.2-1b-instruct --accept-terms
  HF_TOKEN=... appliance models pull NAME   if the hub wants a token, because
                                            its terms must be accepted there

Exit status: 0 done, 1 a model is damaged or could not be pulled, 2 there is no
such model, 69 (verify) a model is missing."""
    listing, pull, verify, remove = add_actions(
        parser,
        {
            "list": "show the catalogue, and which models are installed",
            "pull": "download models and check their SHA-256",
            "verify": "read every byte of the installed models and check the SHA-256",
            "remove": "delete models from the disk",
        },
    )
    for action in (listing, verify):
        action.add_argument("--json", action="store_true", help="one JSON document")
    pull.add_argument("names", nargs="*", metavar="NAME", help="default: those in config.toml")
    pull.add_argument(
        "--accept-terms",
        action="store_true",
        help="you have read and accept the terms of the named models; without it you are asked",
    )
    verify.add_argument(
        "names", nargs="*", metavar="NAME", help="default: those in use or installed"
    )
    remove.add_argument("names", nargs="+", metavar="NAME", help="as `list` shows it")


def run(arguments: argparse.Namespace) -> int:
    """Run the action; returns the exit status."""
    config = configuration.load(arguments.config)
    # A pull fetches the configured model; the other actions apply to the one in use.
    model = wanted_model if arguments.action == "pull" else usable_model
    config = with_model(config, model(config))
    store = Store(config.models_directory)
    named = getattr(arguments, "names", [])
    wrong = [name for name in named if name not in catalogue.names_to_pull()]
    if wrong:
        for name in wrong:
            print(f"appliance models: {catalogue.unknown_name(name)}", file=sys.stderr)
        return WRONG_USE
    if arguments.action == "list":
        return _list(config, store, as_json=arguments.json)
    if arguments.action == "pull":
        return _pull(config, store, named, accepts_terms=arguments.accept_terms)
    if arguments.action == "verify":
        return _verify(config, store, named, as_json=arguments.json)
    return _remove(config, store, named)


def _list(config: Config, store: Store, *, as_json: bool) -> int:
    rows = [
        _described(model, store, store.inspect(model), config.models)
        for model in store.known().values()
    ]
    if as_json:
        others = [msgspec.to_builtins(model) for model in catalogue.hub_models().values()]
        listed = {"directory": str(store.directory), "models": rows, "hub_models": others}
        print(json.dumps(listed, indent=2))
        return 0
    print(f"models in {store.directory} (* in use by the config)")
    print(
        _table(
            ("", "name", "family", "task", "languages", "size", "memory", "licence", "state"),
            (
                (
                    "*" if row["in_use"] else "",
                    *(row["name"], row["family"], row["task"], _languages(row["languages"])),
                    *(_mb(row["bytes"]), f"{row['memory_mb']} MB", row["licence"], row["state"]),
                )
                for row in rows
            ),
        )
    )
    for row in rows:
        if row["state"] == ModelState.DAMAGED:
            for file, problem in row["problems"].items():
                print(f"{row['name']}: {file} {problem}")
        print(f"{row['name']}: from {', or '.join(row['sources'])}")
    _list_hub_models()
    return 0


def _list_hub_models() -> None:
    print("\non the model hub (a converted file must be copied to the board by hand):")
    print(
        _table(
            ("name", "family", "size", "memory", "suits", "licence", "file and source"),
            (
                (
                    *(model.name, model.family, f"{model.file_mb} MB", f"{model.memory_mb} MB"),
                    *(model.board, model.licence, model.source),
                )
                for model in catalogue.hub_models().values()
            ),
        )
    )


def _described(model: Model, store: Store, condition: Condition, used: list[str]) -> dict[str, Any]:
    packages = [f"{package.name} {package.version}" for package in model.packages]
    sources = [f"package {' + '.join(packages)}"] if packages else []
    if model.hub:
        sources.append(f"hub {model.hub.repository} at {model.hub.revision[:12]}")
    return {
        "name": model.name,
        "family": model.family,
        "task": model.task,
        "licence": model.licence,
        "languages": list(model.languages),
        "bytes": model.bytes,
        "memory_mb": model.memory_mb,
        "files": {
            name: {"bytes": file.bytes, "sha256": file.sha256} for name, file in model.files.items()
        },
        "sources": sources,
        "in_use": model.name in used,
        "state": condition.state,
        "problems": condition.problems,
        "path": str(store.folder(model) / model.engine_path),
    }


def _pull(config: Config, store: Store, named: list[str], *, accepts_terms: bool) -> int:
    # Imported here: only a pull needs the code that can reach a network.
    from appliance.models import fetch  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for name in named or config.models:
        if is_path(name):
            print(f"{name}: your own model at {store.path_of(name)}; nothing to pull")
            continue
        model = _model_to_pull(store, name, accepts_terms=accepts_terms)
        meter = ProgressBar()
        started = time.monotonic()
        try:
            fetched = fetch.pull(model, store.directory, meter)
        except (FetchError, KeyboardInterrupt):
            meter.end()
            raise
        if fetched:
            meter.message(
                f"{name}: {fetched} files, {_mb(model.bytes)}, SHA-256 correct, in "
                f"{store.folder(model)} after {time.monotonic() - started:.0f} s"
            )
        else:
            print(f"{name}: already in {store.folder(model)}")
    return 0


def _model_to_pull(store: Store, name: str, *, accepts_terms: bool) -> Model:
    """The model from the catalogue or the hub; FetchError if it must not be pulled."""
    from appliance.models import from_hub  # noqa: PLC0415

    wanted = catalogue.hub_models().get(name)
    if wanted is None or name in store.known():
        return store.find(name)
    _check_memory(wanted)
    print(f"{name}: licence {wanted.licence}, {wanted.file_mb} MB from {wanted.repository}")
    if wanted.accept is not None and not accepts_terms:
        _ask_for_acceptance(wanted)
    return from_hub.describe(wanted)


def _check_memory(model: HubModel) -> None:
    total = load_memory_disk.total_mb(board_root())
    if total is not None and model.memory_mb > total:
        raise FetchError(
            f"{model.name} takes about {model.memory_mb} MB of memory, and this board has "
            f"{total:.0f} MB; choose a smaller one: appliance models list"
        )


def _ask_for_acceptance(model: HubModel) -> None:
    if sys.stdin.isatty():
        said = input(f"Do you accept the terms at {model.accept}? [y/N] ")
        if said.strip().lower() in ("y", "yes"):
            return
    raise FetchError(
        f"{model.name} was not pulled: read the terms at {model.accept}; if you accept them, run: "
        f"appliance models pull {model.name} --accept-terms"
    )


def _verify(config: Config, store: Store, named: list[str], *, as_json: bool) -> int:
    names = named or _names_to_verify(config, store)
    found = {name: store.inspect(store.find(name), full=True) for name in names}
    if as_json:
        rows = [
            {"name": name, "state": condition.state, "problems": condition.problems}
            for name, condition in found.items()
        ]
        print(json.dumps({"directory": str(store.directory), "models": rows}, indent=2))
    else:
        for name, condition in found.items():
            print(f"{name}: {_verdict(name, condition, store)}")
    states = {condition.state for condition in found.values()}
    worst_first = (ModelState.DAMAGED, ModelState.MISSING, ModelState.READY)
    return next((EXIT_STATUS[state] for state in worst_first if state in states), 0)


def _names_to_verify(config: Config, store: Store) -> list[str]:
    used = config.models
    return [
        name
        for name, model in store.known().items()
        if name in used or store.folder(model).is_dir()
    ]


def _verdict(name: str, condition: Condition, store: Store) -> str:
    model = store.find(name)
    if condition.state is ModelState.READY:
        return f"complete, {len(model.files)} files, {_mb(model.bytes)}"
    if condition.state is ModelState.MISSING:
        return f"not in {store.directory}; run: appliance models pull {name}"
    return f"damaged: {condition}; run: appliance models pull {name}"


def _remove(config: Config, store: Store, named: list[str]) -> int:
    for name in named:
        freed = store.remove(store.find(name)) if name in store.known() else 0
        print(f"{name}: {_mb(freed)} freed" if freed else f"{name}: was not installed")
        if freed and name in config.models:
            print(f"{name}: config.toml still uses it; run: appliance models pull {name}")
    return 0


class ProgressBar:
    """Progress on standard error: one line that is rewritten, or without a tty one per 10 %."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._shown = -1
        self._open = False

    def message(self, line: str) -> None:
        """One line for a person."""
        self.end()
        self._shown = -1
        print(line, file=sys.stderr, flush=True)

    def update(self, done: int, total: int) -> None:
        """Show the received and total bytes, if the percentage has changed enough."""
        percent = 100 * done // max(total, 1)
        step = percent if self._rewrites else percent // 10
        if step == self._shown:
            return
        self._shown = step
        text = f"  {percent:3d} %  {_mb(done)} of {_mb(total)}"
        print(f"\r{text}" if self._rewrites else text, end="", file=sys.stderr, flush=True)
        self._open = True
        if not self._rewrites or done >= total:
            self.end()

    def end(self) -> None:
        """End the line that is rewritten."""
        if self._open:
            print(file=sys.stderr, flush=True)
        self._open = False


def _languages(codes: list[str]) -> str:
    if codes == ["mul"]:
        return "many"
    return ", ".join(codes) if len(codes) < 5 else f"{len(codes)} of them"  # noqa: PLR2004


def _mb(count: float) -> str:
    return f"{count / 1e6:.1f} MB"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
