"""What people and their tools look at: the dashboard at `/`, and the documents of the API at `/docs`."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import msgspec
import openapi_ui_bundles.swagger_ui
from sanic import Blueprint, HTTPResponse, Request

from store_api.contract import asyncapi, openapi
from store_api.pages.static_files import Asset, content_type_of
from store_api.web.fast_path import WholeAnswer
from store_api.web.inside_sanic import ERROR_FORMAT

Handler = Callable[..., Any]

DASHBOARD_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)

DOCS_POLICY = (
    # Swagger UI brings style elements and pictures of its own along; scripts are files all the same.
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

READ = ("GET", "HEAD")

_SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")


def pages(guard: Callable[[Handler], Handler]) -> Blueprint:
    """Lay out a route for each page, each of its files, and the two documents.

    Args:
        guard: puts before a handler what stands before pages.
    """
    routes = Blueprint("pages", strict_slashes=True)
    for path, asset in assets().items():
        name = path.strip("/").replace("/", "-").replace(".", "_") or "root"
        routes.add_route(guard(asset.answer), path, methods=READ, name=name, error_format=ERROR_FORMAT)
    routes.add_route(
        guard(_without_slash), "/docs/", methods=READ, name="docs-with-slash", error_format=ERROR_FORMAT
    )
    return routes


async def _without_slash(request: Request) -> HTTPResponse:
    """Send on to `/docs`: all that pages name is relative to their own addresses."""
    return WholeAnswer(
        b"", content_type_of("docs.html"), "location: ../docs\r\n", HTTPStatus.PERMANENT_REDIRECT
    )


def assets() -> Mapping[str, Asset]:
    """Read all that is served to browsers, by path."""
    dashboard = _folder("dashboard", DASHBOARD_POLICY)
    docs = _folder("api_docs", DOCS_POLICY)
    found = {"/": dashboard.pop("index.html"), "/docs": docs.pop("index.html")}
    found |= {f"/dashboard/{name}": asset for name, asset in dashboard.items()}
    found |= {f"/docs/{name}": asset for name, asset in docs.items()}
    vendor = openapi_ui_bundles.swagger_ui.static_path
    bodies: dict[str, bytes | Callable[[], bytes]] = {
        f"/docs/{name}": (vendor / name).read_bytes() for name in _SWAGGER_UI
    }
    bodies["/openapi.json"] = lambda: msgspec.json.encode(openapi.document())
    bodies["/asyncapi.yaml"] = lambda: msgspec.yaml.encode(asyncapi.document())
    return found | {path: Asset(body, content_type_of(path)) for path, body in bodies.items()}


def _folder(name: str, policy: str) -> dict[str, Asset]:
    return {
        file.name: Asset(
            file.read_bytes(), content_type_of(file.name), policy if file.name.endswith(".html") else ""
        )
        for file in (files("store_api.pages") / name).iterdir()
    }
