"""Renders the templates, and serves the files that they need."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from infra.sink import output
from infra.sink._generated.fields import (
    ACCOUNT,
    BILLABLE,
    CURRENCY,
    FIELDS,
    ID,
    METRIC_TYPE,
    PRODUCT,
    QUANTITY,
    STATUS,
    TIME,
)

_HERE = Path(__file__).parent
_CHART = _HERE / "node_modules/uplot/dist"
# Set up by npm; without them the pages have their tables alone.
_FILES = {
    "style.css": (_HERE / "static/style.css", "text/css"),
    "icon.svg": (_HERE / "static/icon.svg", "image/svg+xml"),
    "page.js": (_HERE / "static/page.js", "text/javascript"),
    "uplot.css": (_CHART / "uPlot.min.css", "text/css"),
    "uplot.js": (_CHART / "uPlot.iife.min.js", "text/javascript"),
}
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_PAGES = (
    ("/", "Usage"),
    ("/events", "Events"),
    ("/rejected", "Rejected"),
    ("/completeness", "Completeness"),
    ("/pipeline", "Pipeline"),
    ("/catalog", "Catalog"),
)


def _shown(value: Any) -> str:
    """Returns a value as people read it: all digits of a number, in groups, and times in UTC."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal | int):
        sign = "-" if value < 0 else ""
        whole, point, rest = output.text(abs(Decimal(value))).partition(".")
        return f"{sign}{int(whole):,}{point}{rest}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return str(value)


_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["shown"] = _shown
_TEMPLATES.filters["label"] = lambda name: str(name).replace("_", " ")
_TEMPLATES.globals.update(
    pages=_PAGES,
    currency=CURRENCY,
    has_chart=_CHART.is_dir(),
    flags={field.name for field in FIELDS if field.kind == "flag"},
    account=ACCOUNT,
    billable=BILLABLE,
    id=ID,
    metric_type=METRIC_TYPE,
    product=PRODUCT,
    quantity=QUANTITY,
    status=STATUS,
    time=TIME,
)


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Returns a page."""
    text = _TEMPLATES.get_template(template).render(path=request.url.path, **values)
    return Response(text, status, _HEADERS, media_type="text/html")


def static(name: str) -> Response:
    """Returns a file of the pages, 404 if there is none."""
    path, media = _FILES.get(name, (_HERE / "none", ""))
    if not path.is_file():
        return Response(status_code=404)
    headers = {**_HEADERS, "cache-control": "public, max-age=3600"}
    return Response(path.read_bytes(), 200, headers, media_type=media)
