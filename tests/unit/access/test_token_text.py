"""A token's text: every one that we make is one, and next to nothing else is."""

import re
import secrets

from hypothesis import example, given
from hypothesis import strategies as some

from store_api.access.token_text import check_of, hint_of, is_token, new_token, token_id

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def made_of(chosen: bytes) -> str:
    return new_token(lambda _: chosen)


tokens = some.binary(min_size=20, max_size=20).map(made_of)


@given(tokens)
@example(new_token(bytes))
@example(new_token(lambda size: b"\xff" * size))
def test_what_is_made_is_a_token(token: str) -> None:
    assert re.fullmatch("sapi_[0-9A-Za-z]{33}", token)
    assert is_token(token)
    assert token.startswith(hint_of(token))
    assert len(hint_of(token)) == 9


@given(some.binary(min_size=20, max_size=20), some.binary(min_size=20, max_size=20))
def test_other_bits_are_another_token(one: bytes, other: bytes) -> None:
    made = [made_of(one), made_of(other)]
    assert (made[0] == made[1]) == (one == other)
    assert (token_id(made[0]) == token_id(made[1])) == (one == other)


@given(tokens, some.integers(0, 37), some.sampled_from(ALPHABET))
def test_one_letter_that_is_wrong_is_told(token: str, place: int, letter: str) -> None:
    changed = token[:place] + letter + token[place + 1 :]
    assert is_token(changed) == (changed == token)


@given(tokens, some.integers(0, 36))
def test_two_letters_that_changed_places_are_told(token: str, place: int) -> None:
    changed = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
    assert is_token(changed) == (changed == token)


@given(tokens, some.integers(0, 37), some.text(max_size=3))
def test_what_is_cut_off_or_has_more_is_told(token: str, end: int, more: str) -> None:
    assert not is_token(token[:end])
    assert is_token(token + more) == (not more)
    assert is_token(more + token) == (not more)


@given(some.text() | some.text(ALPHABET, min_size=33, max_size=33).map(lambda body: "sapi_" + body))
@example("sapi_" + "٠" * 33)
@example("sapi_" + "0" * 27 + "\n" * 6)
def test_whatever_else_comes_is_judged_without_a_fault(text: str) -> None:
    assert len(token_id(text)) == 32
    assert is_token(text) in (True, False)
    if is_token(text):
        assert check_of(text[:-6]) == text[-6:]


def test_its_bits_are_asked_for_once_and_all_of_them_count() -> None:
    asked: list[int] = []

    def random_bytes(size: int) -> bytes:
        asked.append(size)
        return secrets.token_bytes(size)

    new_token(random_bytes)
    assert asked == [20]
    flipped = {made_of((1 << bit).to_bytes(20)) for bit in range(160)}
    assert len(flipped) == 160
