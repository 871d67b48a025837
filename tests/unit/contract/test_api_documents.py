"""The documents of the API: valid, complete, and about the code that there is."""

import tomllib
from contextlib import nullcontext
from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from sanic import Sanic

from store_api import errors
from store_api.claims.naming import key_in
from store_api.contract import asyncapi, channels, openapi, schemas
from store_api.contract.bodies import StoreId
from store_api.contract.scopes import EVERY_SCOPE, OPEN, SCOPES
from store_api.gate.gate import OPEN_GATE
from store_api.gate.session_routes import SessionRoutes
from store_api.movements.routes import History
from store_api.pages.routes import assets
from store_api.web.operators import Operators
from store_api.web.routes import Rest
from store_api.web.sockets import Sockets
from tests.support.service import ROOT

NOTHING = cast("Any", None)
OPENAPI = msgspec.json.decode(assets()["/openapi.json"].content())
ASYNCAPI = yaml.safe_load(assets()["/asyncapi.yaml"].content())
OF_THE_GATE = ("401", "403", "421", "429")
NEVER_ANSWERED = {"wrong-setting", "unfit-document", "upgrade-required"}
"""Errors that end the start, that are decided again, and that only websockets meet."""


def routed(*blueprints: Any) -> set[tuple[str, str]]:
    """The method and the templated path of every route."""
    app: Any = Sanic(f"documents_{uuid4().hex}", configure_logging=False)
    for blueprint in blueprints:
        app.blueprint(blueprint)
    return {
        (method, "/" + route.path.replace("<", "{").replace(":str>", "}"))
        for route in app.router.routes
        for method in route.methods
        if method != "HEAD"
    }


def operations() -> list[Any]:
    return [operation for path in OPENAPI["paths"].values() for operation in path.values()]


def examples_in(node: Any) -> list[tuple[Any, Any]]:
    """Every schema of a body or answer, with each of its examples."""
    found = []
    if isinstance(node, dict):
        if "schema" in node:
            found += [(node["schema"], example["value"]) for example in node.get("examples", {}).values()]
        for each in node.values():
            found += examples_in(each)
    return found


def check(schema: Any, value: Any, document: Any = OPENAPI) -> None:
    """Hold a value against a schema of a document.

    Raises:
        jsonschema.ValidationError: it is of another shape.
    """
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_the_document_is_openapi_3_1() -> None:
    assert OPENAPI["openapi"].startswith("3.1")
    validate(OPENAPI, cls=OpenAPIV31SpecValidator)


def test_every_route_is_documented_and_nothing_else() -> None:
    routes = routed(
        Rest(NOTHING, NOTHING, NOTHING).blueprint(OPEN_GATE.guard),
        History(None, NOTHING, NOTHING).blueprint(OPEN_GATE.guard),
        Operators(NOTHING, NOTHING).blueprint(OPEN_GATE.guard),
        SessionRoutes(None, has_ledger=True).blueprint(OPEN_GATE.guard),
    )
    assert routes == {
        (method.upper(), path) for path, methods in OPENAPI["paths"].items() for method in methods
    }


def test_every_socket_is_documented_and_nothing_else() -> None:
    addresses = {("GET", channel["address"]) for channel in ASYNCAPI["channels"].values()}
    assert addresses == routed(Sockets(NOTHING).blueprint(OPEN_GATE.guard))


def test_every_socket_says_what_it_takes_and_how_it_ends() -> None:
    schemes = ASYNCAPI["components"]["securitySchemes"]
    for operation in ASYNCAPI["operations"].values():
        named = [each["$ref"].rpartition("/")[2] for each in operation["security"]]
        assert named == list(schemes) == ["bearer", "subprotocol", "session"]
    said = ASYNCAPI["info"]["description"]
    codes = {value for name, value in vars(channels).items() if name.isupper() and type(value) is int}
    codes -= {channels.LARGEST_PART, channels.FRAME_TOO_LARGE}  # no codes that the service closes with
    assert codes >= {1001, 4401, 4403, 4500}
    assert [code for code in codes if f"{code} " not in said and f"({code})" not in said] == []


def test_every_example_is_what_its_schema_says() -> None:
    examples = examples_in(OPENAPI["paths"])
    assert len(examples) > 60
    for schema, example in examples:
        check(schema, example)
    for name, message in ASYNCAPI["components"]["messages"].items():
        for example in message["examples"]:
            check(message["payload"], example["payload"], ASYNCAPI)
            assert (example["payload"].keys() == {"broken"}) == (name == "broken")
            if name != "broken":
                assert example["payload"]["store"]["report"], name


def test_every_problem_that_can_be_answered_is_among_the_examples() -> None:
    told = {example["type"] for _, example in examples_in(OPENAPI["paths"]) if "detail" in example}
    kinds: list[type[errors.StoreApiError]] = [errors.NotApplied, *errors.NotApplied.__subclasses__()]
    kinds += [errors.AppliedUnreported, errors.OutcomeUnknown, errors.BrokenDocument, errors.KeyInFlight]
    names = {kind.slug for kind in kinds} - NEVER_ANSWERED - {"fault"}
    assert {f"/problems/{name}" for name in names} | {"/problems/not-ready", "about:blank"} == told


def test_every_operation_says_what_it_is_for() -> None:
    assert len({operation["operationId"] for operation in operations()}) == len(operations())
    for operation in operations():
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert operation["responses"]["200"]["description"].endswith(".")


def test_every_operation_says_what_it_takes_and_how_it_is_refused() -> None:
    assert OPENAPI["components"]["securitySchemes"].keys() == {"bearer", "session"}
    assert OPENAPI["paths"]["/session"]["post"]["security"] == [{"bearer": []}]
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            scopes = SCOPES[f"{method.upper()} {path}"]
            taken = {role for way in operation["security"] for roles in way.values() for role in roles}
            assert taken == (set() if scopes == EVERY_SCOPE else scopes)
            assert all(f"`{scope}`" in operation["description"] for scope in taken)
            assert bool(operation["security"]) == (scopes != OPEN)
            refusals = operation["responses"].keys() & {*OF_THE_GATE}
            if scopes != OPEN:
                assert refusals == {*OF_THE_GATE}
            elif method == "get":
                assert not refusals


def test_refusals_of_the_gate_are_told_with_their_headers() -> None:
    for operation in operations():
        if not operation["security"]:
            continue
        answers = operation["responses"]
        assert {status: set(answers[status].get("headers", ())) for status in OF_THE_GATE} == {
            "401": {"WWW-Authenticate"},
            "403": {"WWW-Authenticate"},
            "421": set(),
            "429": {"Retry-After", "RateLimit", "RateLimit-Policy"},
        }
    answers = OPENAPI["paths"]["/stores/{store_id}"]["post"]["responses"]
    assert answers["403"]["content"]["application/problem+json"]["examples"].keys() == {
        *("foreign-page", "scope-missing", "store-forbidden")
    }


@pytest.mark.parametrize(
    ("value", "fits"),
    [("арт-1", True), ("=1+1", True), ("a/b", True), ("", False), ("a\nb", False), ("a\n", False)],
)
def test_item_ids_in_the_document_are_those_of_the_code(value: str, fits: bool) -> None:
    schema = {"$ref": "#/components/schemas/ItemBody"}
    body = {"operation": "supply", "item_id": value, "quantity": 1}
    is_valid = Draft202012Validator({**schema, "components": OPENAPI["components"]}).is_valid(body)
    assert is_valid == fits or value == "a\n"  # Python's `$` lets a last line break through; others' does not


def test_patterns_are_read_alike_everywhere() -> None:
    pattern = schemas.schema_of(StoreId)["pattern"]
    assert pattern.startswith("^[^/")
    assert pattern.endswith("]*$")
    assert "ud800" not in pattern


def test_the_version_is_the_package_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert OPENAPI["info"]["version"] == ASYNCAPI["info"]["version"] == openapi.VERSION == project["version"]


def test_the_sockets_document_is_asyncapi_3() -> None:
    assert asyncapi.document() == ASYNCAPI
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    for operation in ASYNCAPI["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in ASYNCAPI["channels"]
    for channel in ASYNCAPI["channels"].values():
        for message in channel["messages"].values():
            assert (
                message["$ref"].removeprefix("#/components/messages/") in ASYNCAPI["components"]["messages"]
            )


def test_what_changes_a_store_takes_a_key_and_says_what_became_of_it() -> None:
    named = {"$ref": "#/components/parameters/idempotency_key"}
    with_key = {each["operationId"]: each for each in operations() if named in each["parameters"]}
    assert with_key.keys() == {"operate", "operateOnGroup", "clean"}
    assert "required" not in OPENAPI["components"]["parameters"]["idempotency_key"]
    for operation in with_key.values():
        answers = operation["responses"]
        assert {"Idempotency-Key", "Idempotent-Replayed"} <= answers["200"]["headers"].keys()
        for status, headers in (
            ("404", {"Idempotency-Key", "Idempotent-Replayed"}),
            ("409", {"Idempotency-Key", "Idempotent-Replayed", "Retry-After"}),
            ("422", {"Idempotency-Key"}),
            ("503", {"Idempotency-Key", "Retry-After"}),
        ):
            assert answers[status]["headers"].keys() == headers
        assert "headers" not in answers["400"]
        for status, names in (
            ("400", {"idempotency-key-missing", "idempotency-key-invalid"}),
            ("409", {"idempotency-in-flight"}),
            ("422", {"idempotency-key-reused"}),
        ):
            assert names <= answers[status]["content"]["application/problem+json"]["examples"].keys()


@pytest.mark.parametrize(
    ("value", "fits"),
    [("a", True), ('"a"', True), ("x" * 255, True), ("", False), ("a b", False), ('"a', False), ("é", False)],
)
def test_keys_in_the_document_are_those_of_the_code(value: str, fits: bool) -> None:
    schema = OPENAPI["components"]["parameters"]["idempotency_key"]["schema"]
    assert Draft202012Validator(schema).is_valid(value) is fits
    with nullcontext() if fits else pytest.raises(errors.KeyInvalid):
        key_in([value], required=False)
