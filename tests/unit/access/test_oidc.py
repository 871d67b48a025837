"""Which JWTs let somebody in, and whom; all others let nobody in."""

import asyncio
import base64
import json
import logging
from collections import Counter
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from store_api.access.key_set import FRESH_SECONDS, STALE_SECONDS, KeySet
from store_api.access.oidc import LONGEST_JWT, MOST_REFUSED, Issuer, Verifier
from store_api.contract.scopes import EVERY_SCOPE, Scope
from store_api.errors import CredentialInvalid, Overloaded
from tests.support.issuer import (
    AUDIENCE,
    EC,
    ED,
    EPOCH,
    NAME,
    PUBLISHED,
    RSA,
    claims,
    key_set,
    published,
    signed,
)

OTHER = ec.generate_private_key(ec.SECP256R1())
PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class World:
    """A verifier whose clock and issuer are the test's."""

    def __init__(self, stores_claim: str | None = None) -> None:
        self.now = EPOCH
        self.published = PUBLISHED
        self.fetched = 0
        self.is_away = False
        issuer = Issuer(NAME, AUDIENCE, stores_claim)
        self.verifier = Verifier(issuer, KeySet(self.fetch, lambda: self.now), lambda: self.now)

    async def fetch(self) -> bytes:
        self.fetched += 1
        if self.is_away:
            raise OSError("Away")
        return self.published

    async def lets_in(self, text: str) -> bool:
        try:
            await self.verifier.verify(text)
        except CredentialInvalid:
            return False
        return True


def made_up(header: dict[str, Any], said: Any, signature: bytes = b"") -> str:
    """Write a JWT by hand, as libraries refuse to."""
    parts = [json.dumps(header).encode(), json.dumps(said).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize(
    ("key", "key_id", "algorithm"), [(RSA, "rsa", "RS256"), (EC, "ec", "ES256"), (ED, "ed", "EdDSA")]
)
async def test_a_jwt_of_each_kind_of_key_lets_somebody_in(key: Any, key_id: str, algorithm: str) -> None:
    world = World()
    caller = await world.verifier.verify(signed(claims(EPOCH), key, key_id, algorithm))
    assert (caller.name, set(caller.scopes)) == ("oidc:anna", {Scope.READ, Scope.DEMAND})
    assert (caller.patterns, caller.expires, caller.token) == (None, EPOCH + 630, None)


@pytest.mark.parametrize(
    "said",
    [
        {"aud": [AUDIENCE, "another"]},
        {"scope": None, "scp": ["read"]},
        {"scope": None},
        {"nbf": EPOCH + 29, "iat": EPOCH + 29},
        {"exp": EPOCH - 29},
        {"exp": EPOCH + 0.5},
        {"sub": "x" * 200},
    ],
)
async def test_what_issuers_may_say_otherwise_is_taken(said: dict[str, Any]) -> None:
    assert await World().lets_in(signed(claims(EPOCH, **said)))


@pytest.mark.parametrize(
    "said",
    [
        *(
            {"iss": None},
            {"iss": "https://issuer.example/"},
            {"iss": "https://evil.example"},
            {"iss": [NAME]},
        ),
        *({"aud": None}, {"aud": "another"}, {"aud": []}, {"aud": AUDIENCE + "2"}, {"aud": 7}),
        *({"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "a b"}, {"sub": "a\n"}, {"sub": "x" * 201}),
        *(
            {"exp": None},
            {"exp": EPOCH - 30},
            {"exp": "soon"},
            {"exp": True},
            {"exp": 1e308},
            {"exp": 10**400},
        ),
        *({"exp": float("nan")}, {"exp": float("inf")}, {"exp": -1}, {"exp": [EPOCH]}),
        *({"nbf": EPOCH + 31}, {"nbf": "later"}, {"nbf": float("nan")}),
        *({"iat": EPOCH + 31}, {"iat": {}}),
        *({"scope": 7}, {"scope": [7]}, {"scope": {"read": 1}}),
    ],
    ids=repr,
)
async def test_what_it_must_not_say_lets_nobody_in(said: dict[str, Any]) -> None:
    assert not await World().lets_in(signed(claims(EPOCH, **said)))


@pytest.mark.parametrize(
    "text",
    [
        made_up({"alg": "none"}, claims(EPOCH)),
        made_up({"alg": "None", "kid": "ec"}, claims(EPOCH)),
        made_up({"alg": "", "kid": "ec"}, claims(EPOCH), b"x"),
        made_up({"alg": ["ES256"], "kid": "ec"}, claims(EPOCH), b"x"),
        made_up({"kid": "ec"}, claims(EPOCH), b"x"),
        made_up({"alg": "ES256", "kid": "ec"}, claims(EPOCH), b"\0" * 64),
        made_up({"alg": "ES256", "kid": 7}, claims(EPOCH), b"\0" * 64),
        made_up({"alg": "ES256", "kid": "ec", "typ": 7}, claims(EPOCH), b"\0" * 64),
        made_up({"alg": "ES256", "kid": "ec"}, [1], b"\0" * 64),
        signed(claims(EPOCH), OTHER),
        signed(claims(EPOCH), EC, "rsa"),
        signed(claims(EPOCH), EC, None),
        signed(claims(EPOCH), EC, "unheard-of"),
        signed(claims(EPOCH), EC, "../../keys/ec"),
        signed(claims(EPOCH), RSA, "rsa", "PS256"),
        signed(claims(EPOCH), RSA, "rsa", "RS512"),
        signed(claims(EPOCH), typ="id_token"),
        signed(claims(EPOCH), typ="dpop+jwt"),
        signed(claims(EPOCH), crit=["exp"]),
        signed(claims(EPOCH), OTHER, "mine", jwk=published(OTHER, "mine")),
        signed(claims(EPOCH), OTHER, "mine", jku="http://127.0.0.1:1/keys"),
        signed(claims(EPOCH), x5u="http://127.0.0.1:1/cert"),
        signed(claims(EPOCH), x5c=["MIIB"]),
        signed({**claims(EPOCH), "much": "x" * LONGEST_JWT}),
        signed(claims(EPOCH)) + "é",
        signed(claims(EPOCH))[:-1],
        signed(claims(EPOCH)).rpartition(".")[0] + ".",
        *("", ".", "..", "a.b.c", "a" * 100, "eyJ" * 1000, "." * 5000),
    ],
    ids=range(34),
)
async def test_whatever_is_wrong_with_it_lets_nobody_in(text: str) -> None:
    assert not await World().lets_in(text)


async def test_the_public_key_is_no_secret_to_sign_with() -> None:
    header = {"alg": "HS256", "kid": "rsa"}
    unsigned = made_up(header, claims(EPOCH)).rstrip(".")
    for secret in (PUBLIC, PUBLIC.strip(), b"", json.dumps(published(RSA, "rsa")).encode()):
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        signed_with = base64.urlsafe_b64encode(signature.sign(unsigned.encode(), secret)).decode().rstrip("=")
        assert not await World().lets_in(f"{unsigned}.{signed_with}")


LETTERS = st.text("ABCxyz019-_. \n\0é", max_size=3)


@given(st.data())
async def test_a_jwt_that_was_changed_anywhere_lets_nobody_in(data: st.DataObject) -> None:
    right = signed(claims(EPOCH), ED, "ed", "EdDSA")
    begin = data.draw(st.integers(0, len(right)))
    end = data.draw(st.integers(begin, min(begin + 3, len(right))))
    changed = right[:begin] + data.draw(LETTERS) + right[end:]
    assert changed == right or not await World().lets_in(changed)


async def test_stores_come_of_the_claim_that_is_configured_and_of_no_other() -> None:
    for said, stores in (
        ({"shops": ["abc111", "berlin-*"]}, ("abc111", "berlin-*")),
        ({"shops": "abc111 berlin-*"}, ("abc111", "berlin-*")),
        ({"shops": []}, ()),
        ({"stores": ["abc111"]}, ()),
        ({}, ()),
    ):
        assert (await World("shops").verifier.verify(signed(claims(EPOCH, **said)))).patterns == stores
    assert not await World("shops").lets_in(signed(claims(EPOCH, shops={"all": True})))


async def test_scopes_that_there_are_not_are_passed_over_and_admin_may_all() -> None:
    caller = await World().verifier.verify(signed(claims(EPOCH, scope="admin everything")))
    assert caller.scopes == EVERY_SCOPE
    caller = await World().verifier.verify(signed(claims(EPOCH, scope="READ reads")))
    assert caller.scopes == frozenset()


async def test_it_is_verified_once_and_known_until_it_expires_or_the_keys_are_old() -> None:
    world, text = World(), signed(claims(EPOCH))
    assert world.verifier.known(text) is None
    caller = await world.verifier.verify(text)
    assert world.verifier.known(text) is caller
    world.now = EPOCH + FRESH_SECONDS + 1
    assert world.verifier.known(text) is None
    assert await world.lets_in(text)
    assert world.fetched == 2
    world.now = EPOCH + 630
    assert world.verifier.known(text) is None
    assert not await world.lets_in(text)


async def test_it_stays_known_for_an_hour_while_the_issuer_is_away() -> None:
    world, text = World(), signed(claims(EPOCH, exp=EPOCH + 10_000))
    assert await world.lets_in(text)
    world.is_away = True
    world.now = EPOCH + FRESH_SECONDS + 1
    assert await world.lets_in(text)
    world.now = EPOCH + STALE_SECONDS
    assert world.verifier.known(text) is not None
    world.now += 1
    assert world.verifier.known(text) is None


async def test_many_that_let_nobody_in_keep_out_no_more_than_those_who_are_not_known() -> None:
    world, known = World(), signed(claims(EPOCH))
    await world.verifier.verify(known)
    for _ in range(MOST_REFUSED):
        assert not await world.lets_in("a.b.c")
    with pytest.raises(Overloaded):
        await world.verifier.verify(signed(claims(EPOCH, sub="new")))
    with pytest.raises(Overloaded):
        await world.verifier.verify("a.b.c")
    assert world.verifier.known(known) is not None
    world.now += 1
    assert await world.lets_in(signed(claims(EPOCH, sub="new")))


async def test_those_who_waited_for_keys_together_are_not_all_looked_at(monkeypatch: Any) -> None:
    world, wrong = World(), signed(claims(EPOCH), OTHER)
    looked_at = Counter[str]()
    judge = Verifier._claims

    def counted(*given: Any) -> Any:
        looked_at["all"] += 1
        return judge(*given)

    monkeypatch.setattr(Verifier, "_claims", counted)
    crowd = (world.verifier.verify(wrong) for _ in range(3 * MOST_REFUSED))
    answers = await asyncio.gather(*crowd, return_exceptions=True)
    assert {type(answer) for answer in answers} == {CredentialInvalid, Overloaded}
    assert looked_at["all"] == MOST_REFUSED
    assert world.fetched == 1


async def test_why_one_was_refused_is_told_once_a_second_and_nothing_of_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    world = World()
    for said in ({"aud": "another"}, {"exp": EPOCH - 31}, {"sub": "a b"}):
        assert not await world.lets_in(signed(claims(EPOCH, **said)))
    world.now += 1
    assert not await world.lets_in(signed(claims(EPOCH), EC, "secret-word"))
    world.now += 1
    assert not await world.lets_in(signed(claims(EPOCH), OTHER))
    lines = [line.__dict__ for line in caplog.records if line.__dict__.get("action") == "jwt_refused"]
    told = [(line["reason"], line["refused"]) for line in lines]
    assert told == [("InvalidAudienceError", 1), ("kid", 3), ("InvalidSignatureError", 1)]
    assert "secret-word" not in str([line.__dict__ for line in caplog.records])


async def test_a_key_that_is_withdrawn_lets_nobody_in_any_more() -> None:
    world, text = World(), signed(claims(EPOCH, exp=EPOCH + 10_000))
    assert await world.lets_in(text)
    world.published = key_set(published(OTHER, "new"))
    world.now = EPOCH + 31
    assert await world.lets_in(signed(claims(EPOCH), OTHER, "new"))
    assert world.verifier.known(text) is None
    assert not await world.lets_in(text)


async def test_of_more_than_fit_those_are_remembered_that_came_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store_api.access.oidc.MOST_REMEMBERED", 2)
    world = World()
    one, two, three = (signed(claims(EPOCH, sub=f"u{number}"), ED, "ed", "EdDSA") for number in range(3))
    await world.verifier.verify(one)
    await world.verifier.verify(two)
    assert world.verifier.known(one) is not None
    await world.verifier.verify(three)
    assert [world.verifier.known(text) is not None for text in (one, two, three)] == [True, False, True]


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_small_rsa_keys_and_others_than_public_ones_to_sign_with_are_passed_over() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505  (it must be refused)
    p384 = ec.generate_private_key(ec.SECP384R1())
    for key, others in (
        (small, {}),
        (p384, {}),
        (RSA, {"use": "enc"}),
        (RSA, {"alg": "RS512"}),
        (RSA, {"kty": ["RSA"]}),
        (EC, {"crv": "P-521"}),
        (EC, {"x": "AAAA"}),
        (EC, {"d": ECAlgorithm.to_jwk(EC, as_dict=True)["d"]}),
        (EC, {"kid": 7}),
        (EC, {"key_ops": ["sign"]}),
        (EC, {"key_ops": "verify"}),
    ):
        world = World()
        world.published = key_set(published(key, "k", **others), published(ED, "ed"))
        algorithm = "ES256" if key is EC else "ES384" if key is p384 else "RS256"
        assert not await world.lets_in(signed(claims(EPOCH), key, "k", algorithm))
        assert await world.lets_in(signed(claims(EPOCH), ED, "ed", "EdDSA"))
