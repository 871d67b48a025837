"""The pages as they are served: what they are, how they are cached, and what they may do."""

import gzip

import httpx
import pytest

from store_api.pages.routes import DASHBOARD_POLICY, assets

PLAIN = {"Accept-Encoding": "identity"}


@pytest.mark.parametrize("path", sorted(assets()))
async def test_everything_is_served_as_what_it_is(http: httpx.AsyncClient, path: str) -> None:
    asset = assets()[path]
    answer = await http.get(path, headers=PLAIN)
    assert (answer.status_code, answer.content) == (200, asset.content())
    assert answer.headers["content-type"] == asset.content_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in answer.headers
    is_page = path in ("/", "/docs")
    assert ("frame-ancestors 'none'" in answer.headers.get("content-security-policy", "")) == is_page


async def test_what_is_known_is_not_sent_again(http: httpx.AsyncClient) -> None:
    for headers in (PLAIN, {"Accept-Encoding": "gzip"}):
        first = await http.get("/dashboard/main.js", headers=headers)
        known = {**headers, "If-None-Match": f'"other", W/{first.headers["etag"]}'}
        again = await http.get("/dashboard/main.js", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        changed = await http.get("/dashboard/main.js", headers={**headers, "If-None-Match": '"other"'})
        assert changed.status_code == 200
    assert (await http.get("/docs", headers={"If-None-Match": "*"})).status_code == 304


async def test_large_files_are_compressed_for_those_who_can_read_it(http: httpx.AsyncClient) -> None:
    path = "/docs/swagger-ui-bundle.js"
    async with http.stream("GET", path, headers={"Accept-Encoding": "br, gzip"}) as answer:
        content = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(content) == assets()[path].content()
    assert len(content) < len(assets()[path].content()) / 3


async def test_the_dashboard_may_do_no_more_than_it_must(http: httpx.AsyncClient) -> None:
    answer = await http.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-security-policy"] == DASHBOARD_POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/dashboard/none.js", "/dashboard/", "/docs/../x", "/dashboard/%2e%2e/rest.py"]
)
async def test_what_is_not_there_is_a_problem(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_page_takes_no_posts(http: httpx.AsyncClient) -> None:
    answer = await http.post("/")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert answer.headers["allow"] == "GET, HEAD"
