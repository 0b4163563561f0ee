"""The HTML of the page, from `templates/`: every value is escaped."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

CONTENT_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """The HTML of `templates/<template>.html`."""
    return _environment().get_template(f"{template}.html").render(**values)


@functools.cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """The files that a browser loads besides the HTML: content and type, from `static/`."""
    folder = resources.files(__package__) / "static"
    return {
        one.name: (one.read_bytes(), CONTENT_TYPES[one.name.rpartition(".")[2]])
        for one in folder.iterdir()
        if one.name.rpartition(".")[2] in CONTENT_TYPES
    }
