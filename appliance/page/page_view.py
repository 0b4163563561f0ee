"""A view: one function of the page, such as Live or Try. How to add one is said here.

A view is a class of its own in `<name>_view.py` with a `name` and `routes()`; its HTML is
`templates/<name>.html`, which begins like this and has `t["<name>.title"]` for the navigation:

    {% set here = "<name>" %}{% set title = t["<name>.title"] %}
    {% extends "base.html" %}
    {% block content %}...{% endblock %}

All links are relative, so a whole page is at one level (`/<name>`, with a query if need be).

Its texts are `texts/<language>/<name>.toml` in each language, with keys that begin with `<name>.`;
a script of its own is `static/<name>.js`, named in `{% block scripts %}`. It is listed in
`all_views.py`, in the order of the navigation, and gets what it needs from `PageServices`.

What changes something is a POST with the role OWNER. The guards of `application.py` and
`request_guard.py` then hold without a line of its own: a session, the owner's password, an Origin
that is the page's, and a line in the log that says who did what with which outcome. Its endpoint
reads the fields by `await request.form()`, raises `PageError` or any `ApplianceError` for what a
person must mend, and answers with `request.part(template, ...)`: a piece of HTML that replaces the
content of the element which the form names in `data-into`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from appliance.page.access import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.page.page_request import PageRequest

Endpoint = Callable[["PageRequest"], Awaitable["Response"]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One address below the page's own."""

    path: str
    """Path, such as `/sentences/save`; Starlette's patterns are allowed."""
    endpoint: Endpoint
    method: str = "GET"
    role: Role = Role.VIEWER
    """Who may use it, beside those who may do more."""
    is_logged: bool = True
    """Whether a POST of the owner is in the log; not of what is asked while somebody types."""


class PageView(Protocol):
    """One function of the page."""

    name: str
    """Name of its address, its template and its texts."""

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses; the first one, `/<name>`, is in the navigation."""
