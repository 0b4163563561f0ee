"""Lists installed software with licences, including the libraries inside Python packages."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution
    from pathlib import Path

NOT_SAID = "NOASSERTION"
"""SPDX's word for an undeclared licence."""

LONGEST_NAME = 80
"""Maximum length of a licence's name, in characters; a longer field is the text of a licence."""


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A package, a model, or a library inside a package."""

    kind: str
    """`pypi`, `model` or `library`."""
    name: str
    version: str | None = None
    licence: str
    """Licence by its own files, or by bundled_libraries.toml."""
    contains: tuple[Component, ...] = ()

    @property
    def licences(self) -> list[str]:
        """Its own licence and those of its contents, each once."""
        return sorted({self.licence, *(part.licence for part in self.contains)})


def packages(wheels: Iterable[Path] | None = None) -> list[Component]:
    """Every Python package of this installation, or of these wheel files, by name."""
    where = sys.path if wheels is None else [str(wheel) for wheel in wheels]
    found = {_plain(one.name): one for one in importlib.metadata.distributions(path=where)}
    return [_package(name, found[name]) for name in sorted(found)]


def cyclonedx(components: Iterable[Component], version: str) -> dict[str, Any]:
    """The software bill of materials (SBOM), in the form CycloneDX 1.5."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "appliance",
                "name": "appliance",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [_entry(one) for one in components if one.name != "appliance"],
    }


def _package(name: str, distribution: Distribution) -> Component:
    known = _bundled()
    inside = {
        (title, licence)
        for file in _libraries(distribution)
        for title, licence in [_library(file, known["libs"])]
    } | {(title, licence) for title, licence in known["compiled_in"].get(name, [])}
    return Component(
        kind="pypi",
        name=name,
        version=distribution.version,
        licence=_licence(distribution),
        contains=tuple(
            Component(kind="library", name=title, licence=licence)
            for title, licence in sorted(inside)
        ),
    )


def _libraries(distribution: Distribution) -> Iterator[str]:
    """The files of other projects that were put beside the package when it was built."""
    for file in distribution.files or ():
        if len(file.parts) > 1 and file.parts[0].endswith(".libs") and ".so" in file.name:
            yield file.name


def _library(file: str, known: dict[str, list[str]]) -> tuple[str, str]:
    """Title and licence by the longest known prefix."""
    names = [name for name in known if file.startswith(name)]
    if not names:
        return file, NOT_SAID
    title, licence = known[max(names, key=len)]
    return title, licence


def _licence(distribution: Distribution) -> str:
    """The package's own licence: the expression, otherwise the name, otherwise the classifiers."""
    metadata = distribution.metadata
    for expression in metadata.get_all("License-Expression") or ():
        return str(expression)
    field = "".join(metadata.get_all("License") or ()).strip()
    if field and len(field) < LONGEST_NAME and "\n" not in field:
        return field
    classes = [
        str(line).rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or ()
        if str(line).startswith("License :: ")
    ]
    return ", ".join(classes) or NOT_SAID


@functools.cache
def _bundled() -> dict[str, Any]:
    text = resources.files("appliance.system").joinpath("bundled_libraries.toml")
    return tomllib.loads(text.read_text("utf-8"))


def _plain(name: str) -> str:
    """The name in the form that the lock files have."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _entry(component: Component) -> dict[str, Any]:
    reference = f"{component.kind}:{component.name}"
    entry: dict[str, Any] = {
        "type": "machine-learning-model" if component.kind == "model" else "library",
        "bom-ref": reference,
        "name": component.name,
        "licenses": [_named(component.licence)],
    }
    if component.version is not None:
        entry["version"] = component.version
    if component.kind == "pypi":
        entry["purl"] = f"pkg:pypi/{component.name}@{component.version}"
    if component.contains:
        parts = [_entry(part) for part in component.contains]
        entry["components"] = [{**part, "bom-ref": f"{reference}/{part['name']}"} for part in parts]
    return entry


def _named(licence: str) -> dict[str, Any]:
    """An SPDX expression if it looks like one, otherwise a name."""
    if (
        re.fullmatch(r"\(?[A-Za-z]+[A-Za-z0-9.+-]*-[0-9A-Za-z.+ ()-]+", licence)
        and "," not in licence
    ):
        return {"expression": licence}
    return {"license": {"name": licence}}
