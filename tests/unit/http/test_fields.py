"""Which codings a client takes."""

from collections.abc import Sequence

import pytest

from store_api.http.fields import accepts_gzip


@pytest.mark.parametrize(
    "lines",
    [
        ["gzip"],
        ["br, GZIP;q=0.5"],
        ["deflate", "gzip"],
        ["x-gzip"],
        ["*"],
        ["identity;q=1, *;q=0.5"],
        ["gzip;q=1.0, *;q=0"],
        ["*;q=0, gzip"],
        ["gzip ; q=0.001"],
        ["identity, gzip;q=0.5"],
    ],
)
def test_gzip_is_taken(lines: Sequence[str]) -> None:
    assert accepts_gzip(lines)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["identity"],
        ["br"],
        ["gzip;q=0"],
        ["gzip; q=0.000"],
        ["GZIP;Q=0."],
        ["*;q=0"],
        ["*, gzip;q=0"],
        ["*", "gzip;q=0"],
        ["identity;q=1, *;q=0"],
        ["gzipped"],
    ],
)
def test_gzip_is_not_taken(lines: Sequence[str]) -> None:
    assert not accepts_gzip(lines)
