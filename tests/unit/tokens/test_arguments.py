"""What `tokens` is asked: what is taken as meant, and what is refused before anything is done."""

from datetime import timedelta

import pytest

from store_api.tokens.arguments import parse

TOKEN = "sapi_0000000000000000000000000004JLzvP"  # noqa: S105
LIVES = ("0d", "-1d", "90", "d", "1.5h", "1y", "100000d", "2020-01-01", "٩d", "")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "COMMAND"),
        (("create",), "NAME"),
        (("create", "x"), "--scopes"),
        (("create", "x", "--scopes", "reed"), "there is no scope 'reed'"),
        (("create", "x", "--scopes", "Read"), "there is no scope 'Read'"),
        (("create", "x", "--scopes", ","), "--scopes: must name one"),
        (("create", "x", "--scopes", "read", "--for", "ever"), "unrecognized arguments: --for ever"),
        (("create", "-x", "--scopes", "read"), "required: NAME"),
        (("create", "", "--scopes", "read"), "NAME: must be"),
        (("create", "a b", "--scopes", "read"), "NAME: must be"),
        (("create", "x" * 101, "--scopes", "read"), "NAME: must be"),
        (("create", "till\n", "--scopes", "read"), "NAME: must be"),
        (("create", "oidc:anna", "--scopes", "read"), "NAME: must not begin with oidc:"),
        (("create", "x", "--scopes", "read", "--stores", ""), "--stores: must name one"),
        (("create", "x", "--scopes", "read", "--stores", "a*b"), "--stores: 'a*b' must be"),
        (("create", "x", "--scopes", "read", "--stores", "abc111,a/b"), "--stores: 'a/b' must be"),
        (("create", "x", "--scopes", "read", "--stores", "a" * 129), "--stores: "),
        (("create", "x", "--scopes", "read", "--stores", "a\nb"), "--stores: "),
        (("create", "x", "--scopes", "read", "--stores", "a\udc80b"), "--stores: "),
        *((("create", "x", "--scopes", "read", f"--expires={life}"), "--expires: must be") for life in LIVES),
        (("revoke",), "NAME"),
        (("list", "x"), "unrecognized arguments: x"),
        (("forget", "x"), "invalid choice"),
    ],
)
def test_what_cannot_be_meant_is_one_line_below_its_usage(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], why: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert why in said.err.splitlines()[-1]
    assert said.err.startswith("usage: python -m store_api tokens")


def test_what_people_type_is_taken_as_meant() -> None:
    asked = parse(
        ["create", "till-7", "--scopes", "read, demand,read", "--stores", "b*, abc 1,", "--expires=90d"]
    )
    assert (asked.command, asked.name, asked.json) == ("create", "till-7", False)
    assert (asked.scopes, asked.stores) == (["demand", "read"], ["abc 1", "b*"])
    assert asked.expires == timedelta(days=90)
    asked = parse(["create", "till@berlin:7", "--scopes", "admin", "--json"])
    assert (asked.stores, asked.expires, asked.json) == (None, None, True)
    assert parse(["create", "x", "--scopes=read", "--stores=*"]).stores == ["*"]
    assert parse(["revoke", "whatever it is"]).name == "whatever it is"


@pytest.mark.parametrize("arguments", [("revoke", TOKEN), ("create", TOKEN, "--scopes", "read")])
def test_a_token_in_place_of_a_name_is_not_repeated(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err
    assert "its name is meant" in said.err


def test_help_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["--help"], ("create", "list", "revoke")),
        (["create", "--help"], ("--scopes", "--stores", "--expires", "--json", "berlin-*", "90d", "supply")),
    ):
        with pytest.raises(SystemExit) as ended:
            parse(arguments)
        said = capsys.readouterr().out
        assert ended.value.code == 0
        assert all(word in said for word in words)
