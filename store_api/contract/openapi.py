"""The HTTP contract as an OpenAPI 3.1 document, from the schemas that are checked and the errors raised."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from store_api import errors
from store_api.contract import schemas
from store_api.contract.calls import PARAMETERS, Endpoint, Success
from store_api.contract.endpoints import ENDPOINTS, KEY_TEXT, REPLAYED_TEXT
from store_api.contract.problems import PROBLEM_JSON, RETRY_AFTER_SECONDS, plain_problem, problem_of
from store_api.contract.scopes import EVERY_SCOPE, OPEN, SCOPES, Scope

VERSION = "1.0.0"

DESCRIPTION = """\
Warehouses ("stores") hold quantities of items; clients supply and demand them.

- A definite failure (any 4xx) means that nothing was applied. A problem's `outcome` says what became of an
  operation; `unknown` is a 503 with `Retry-After`: it may have been applied.
- An operation with an `Idempotency-Key` can be sent again until its outcome is known: it is applied once.
- Every failure is a problem document (RFC 9457).
- Callers send a token: `Authorization: Bearer sapi_...`. What it must allow, each operation says; a service
  that asks nobody (`AUTH=off`) needs none.
- Changes are told on websockets, which [the AsyncAPI document](asyncapi.yaml) describes.
- There is [a dashboard](./) that shows all of it, live.
"""


_HEADERS = (
    ("RetryAfter", "How many seconds to wait before another try.", "integer"),
    ("IdempotencyKey", KEY_TEXT, "string"),
    ("IdempotentReplayed", REPLAYED_TEXT, "string"),
    ("WWWAuthenticate", "How to say who one is, and what was wrong with what was said (RFC 6750).", "string"),
    ("RateLimit", "What is left of the quota, and when there will be more.", "string"),
    ("RateLimitPolicy", "The quota, and the seconds that it is for.", "string"),
)

_REMEMBERED = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
"""Refusals that are said again to whoever comes with the same key."""

BEARER, SESSION, COOKIE = "bearer", "session", "store_api_session"

SIGN_IN = "POST /session"
"""Takes no session: one is not prolonged by itself."""

_WAYS_IN = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the service, or a JWT of the issuer that it trusts. `admin` may do all.",
    },
    SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": (
            f"A browser that has signed in; over HTTPS, the cookie is `__Host-{COOKIE}`, or "
            f"`__Secure-{COOKIE}` where a proxy has the service below a path."
        ),
    },
}

_NOT_YET_READ = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.TOO_MANY_REQUESTS,
)
"""Refusals that come before the key is read, or of it."""


def document() -> dict[str, Any]:
    """Write the whole document."""
    bodies = [endpoint.body for endpoint in ENDPOINTS if endpoint.body is not None]
    answers = [shape for endpoint in ENDPOINTS for shape in endpoint.answer.shapes]
    return {
        "openapi": "3.1.0",
        "info": {"title": "store_api", "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": "./", "description": "the service that serves this document"}],
        "tags": [
            {"name": "stores", "description": "Stock: read it, demand it, supply it."},
            {"name": "session", "description": "Browsers: sign in with a token, and out."},
            {"name": "operators", "description": "For those who run the service."},
        ],
        "paths": _paths(ENDPOINTS),
        "components": {
            "schemas": schemas.schemas_of(*bodies, *answers, schemas.Problem),
            "parameters": PARAMETERS,
            "headers": {name: _header(text, kind) for name, text, kind in _HEADERS},
            "securitySchemes": _WAYS_IN,
        },
    }


def _paths(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return paths


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    address = f"{endpoint.method} {endpoint.path}"
    scopes = SCOPES[address]
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": endpoint.description + _taken(scopes),
        "security": _security(scopes, [BEARER] if address == SIGN_IN else _WAYS_IN),
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in endpoint.parameters],
        "responses": {"200": _answer(endpoint.answer), **_problems(endpoint)},
    }
    if endpoint.body is not None:
        content = {"schema": _reference(endpoint.body), "examples": _examples(endpoint.examples)}
        operation["requestBody"] = {
            "required": not endpoint.may_lack_body,
            "content": {"application/json": content},
        }
    return operation


def _taken(scopes: frozenset[Scope]) -> str:
    """Say what a caller must be allowed, where it is anything in particular."""
    if scopes in (OPEN, EVERY_SCOPE):
        return ""
    return " Takes the scope " + " or ".join(f"`{scope}`" for scope in sorted(scopes)) + "."


def _security(scopes: frozenset[Scope], ways: Iterable[str]) -> list[dict[str, list[str]]]:
    """List what lets a caller in: any one of them does, and each with any one of the scopes."""
    if scopes == OPEN:
        return []
    named: list[list[str]] = [[]] if scopes == EVERY_SCOPE else [[scope.value] for scope in sorted(scopes)]
    return [{way: roles} for way in ways for roles in named]


def _refusals(endpoint: Endpoint) -> list[errors.StoreApiError]:
    """Give what the gate may refuse, and what prevents that it finds out who asks."""
    scopes = SCOPES[f"{endpoint.method} {endpoint.path}"]
    writes = endpoint.method != "GET"
    if scopes == OPEN and not writes:
        return []
    refusals: list[errors.StoreApiError] = [errors.UnknownHost()]
    if writes:
        refusals.append(errors.ForeignPage())
    if scopes != OPEN:
        refusals += [errors.CredentialMissing(), errors.CredentialInvalid()]
        refusals += [
            errors.ScopeMissing(" ".join(sorted(scopes))),
            errors.QuotaExceeded("writes", 600, 60, 3),
        ]
        refusals += [errors.IssuerUnavailable(), errors.DatabaseUnavailable(), errors.Overloaded()]
    if "{store_id}" in endpoint.path:
        refusals.append(errors.StoreForbidden())
    return refusals


def _answer(answer: Success) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"type": "string", **answer.schema}}
    if answer.shape is not None:
        content = {"schema": _answer_schema(answer), "examples": _examples(answer.examples)}
    described: dict[str, Any] = {
        "description": answer.description,
        "content": {answer.media_type: content},
    }
    if answer.headers:
        described["headers"] = {name: _header(text, "string") for name, text in answer.headers.items()}
    return described


def _answer_schema(answer: Success) -> dict[str, Any]:
    references = [_reference(shape) for shape in answer.shapes]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _problems(endpoint: Endpoint) -> dict[str, Any]:
    """Describe every failure, by status, each with an example as it is really sent."""
    by_status: dict[int, list[schemas.Problem]] = {}
    failures = {error.slug: error for error in (*_refusals(endpoint), *endpoint.failures)}
    problems = [problem_of(error, endpoint.instance) for error in failures.values()]
    problems += [plain_problem(status, endpoint.instance) for status in endpoint.plain]
    problems += endpoint.problems
    for problem in sorted(problems, key=lambda problem: problem.status):
        by_status.setdefault(problem.status, []).append(problem)
    has_keys = "idempotency_key" in endpoint.parameters
    return {str(status): _problem(status, alike, has_keys) for status, alike in by_status.items()}


def _problem(status: int, problems: Sequence[schemas.Problem], has_keys: bool) -> dict[str, Any]:
    examples = {_name(problem): problem for problem in problems}
    content = {"schema": _reference(schemas.Problem), "examples": _examples(examples)}
    described: dict[str, Any] = {
        "description": "; ".join(problem.title for problem in problems) + ".",
        "content": {PROBLEM_JSON: content},
    }
    headers = []
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append("Retry-After")
        described["description"] += f" Try again after {RETRY_AFTER_SECONDS} s."
    elif examples.keys() & {errors.KeyInFlight.slug}:
        headers.append("Retry-After")
        described["description"] += f" In flight: ask again after {RETRY_AFTER_SECONDS} s."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers += ["Retry-After", "RateLimit", "RateLimit-Policy"]
    if status == HTTPStatus.UNAUTHORIZED or errors.ScopeMissing.slug in examples:
        headers.append("WWW-Authenticate")
    if has_keys and status not in _NOT_YET_READ:
        headers.append("Idempotency-Key")
    if has_keys and status in _REMEMBERED:
        headers.append("Idempotent-Replayed")
    if headers:
        refer = "#/components/headers/"
        described["headers"] = {name: {"$ref": refer + name.replace("-", "")} for name in headers}
    return described


def _name(problem: schemas.Problem) -> str:
    last = problem.type.rpartition("/")[2]
    return "fault" if last == "about:blank" else last


def _examples(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"value": msgspec.to_builtins(value)} for name, value in examples.items()}


def _reference(shape: Any) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _header(description: str, kind: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}
