"""`appliance licences`: what is installed here, under which licence, as a list or as an SBOM."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from appliance import __version__
from appliance import config as configuration
from appliance.models import catalogue
from appliance.models.speech_model_choice import wanted_model, with_model
from appliance.system import software_bill
from appliance.system.software_bill import Component

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `appliance licences`."""
    parser.epilog = """\
Examples:
  appliance licences
  appliance licences --json >sbom.cdx.json     in the form CycloneDX

It reads what is installed: the Python packages, the libraries of other
projects inside them, and the models in config.toml. THIRD-PARTY-NOTICES.md
says what follows from the licences."""
    parser.add_argument(
        "--json", action="store_true", help="one JSON document, in the form CycloneDX"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the list or the bill; always 0."""
    config = configuration.load(arguments.config)
    config = with_model(config, wanted_model(config))
    models = [catalogue.models().get(name) for name in config.models]
    components = [
        *software_bill.packages(),
        *(
            Component(kind="model", name=model.name, licence=model.licence)
            for model in models
            if model is not None
        ),
    ]
    if arguments.json:
        print(json.dumps(software_bill.cyclonedx(components, __version__), indent=2))
        return 0
    for component in components:
        version = f" {component.version}" if component.version else ""
        print(f"{component.name}{version}: {component.licence}")
        for part in component.contains:
            print(f"    contains {part.name}: {part.licence}")
    return 0
