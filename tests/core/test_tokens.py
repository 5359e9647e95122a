"""Access tokens: who gets in, who does not, and what happens while keys change or vanish."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time

import pytest
from joserfc.jwk import OctKey, RSAKey
from structlog.testing import capture_logs

from intone.core.tokens import TokenPolicy, TokenVerifier
from intone.errors import InvalidInputError, UnauthenticatedError, UnavailableError
from loopback.identity import ALGORITHMS, IdentityProvider, make_key

AUDIENCE = "https://intone.example"


class Clock:
    """Monotonic seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
async def idp():
    async with IdentityProvider() as provider:
        yield provider


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def make(idp, clock):
    made = []

    def make(*, timeout_s: float = 5.0, **options) -> TokenVerifier:
        policy = TokenPolicy(**{"issuer": idp.issuer, "audience": (AUDIENCE,), **options})
        made.append(TokenVerifier(policy, timeout_s=timeout_s, clock=clock))
        return made[-1]

    yield make
    for verifier in made:
        await verifier.close()


async def refused(verifier: TokenVerifier, token: str) -> str:
    """The message of the refusal, which must not quote the token or anything in it."""
    with capture_logs() as logs, pytest.raises(UnauthenticatedError) as caught:
        await verifier.verify(token)
    told = caught.value.message + repr(logs) + repr(caught.value.__cause__)
    for part in (token, *token.split(".")):
        assert len(part) < 4 or part not in told
    return caught.value.message


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# --- what a good token says -----------------------------------------------------------------


async def test_a_good_token_tells_subject_workspace_scopes_and_end(idp, make):
    exp = int(time.time()) + 300
    identity = await make().verify(idp.token(exp=exp))
    assert identity.subject == "alice"
    assert identity.workspace == "acme"
    assert identity.scopes == {"speak"}
    assert identity.expires_at == exp * 1000


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_every_default_algorithm_is_verified_with_its_key(idp, make, alg):
    idp.keys = {"k": make_key(ALGORITHMS[alg], "k")}
    identity = await make().verify(idp.token("k", alg=alg))
    assert identity.workspace == "acme"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "openid speak profile"}, {"speak"}),
        ({"scope": "intone:manage intone:speak"}, {"speak", "manage"}),
        ({"scp": ["manage", "other"]}, {"manage"}),
        ({"scp": "speak manage"}, {"speak", "manage"}),
        ({"scope": "openid profile"}, set()),
        ({"scope": ""}, set()),
        ({"scope": {"speak": True}}, set()),
        ({"scope": [["speak"], 5]}, set()),
    ],
)
async def test_scopes_come_from_scope_or_scp_and_only_known_words_count(idp, make, claims, scopes):
    assert (await make().verify(idp.token(**claims))).scopes == scopes


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("https://intone.example/workspace", {"https://intone.example/workspace": "w"}),
        ("resource.intone.workspace", {"resource": {"intone": {"workspace": "w"}}}),
        ("a.b", {"a.b": "w", "a": {"b": "not this one"}}),
    ],
)
async def test_the_workspace_claim_may_be_a_url_or_a_path(idp, make, claim, claims):
    verifier = make(workspace_claim=claim)
    assert (await verifier.verify(idp.token(workspace=None, **claims))).workspace == "w"


async def test_scopes_may_come_from_another_claim(idp, make):
    verifier = make(scope_claim="realm_access.roles")
    token = idp.token(scope="speak", realm_access={"roles": ["intone:manage"]})
    assert (await verifier.verify(token)).scopes == {"manage"}


@pytest.mark.parametrize("workspace", [None, "", 7, ["acme"], {"name": "acme"}, "x" * 300])
async def test_a_token_without_a_usable_workspace_is_refused(idp, make, workspace):
    assert "workspace" in await refused(make(), idp.token(workspace=workspace))


async def test_a_list_of_audiences_needs_one_of_ours(idp, make):
    verifier = make(audience=("one", "two"))
    assert await verifier.verify(idp.token(aud=["other", "two"]))
    assert "aud" in await refused(verifier, idp.token(aud=["other", "three"]))


# --- claims that refuse -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"exp": int(time.time()) - 31}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"exp": True}, "exp"),
        ({"nbf": int(time.time()) + 86_400}, "nbf"),
        ({"iat": int(time.time()) + 86_400}, "iat"),
        ({"aud": "https://someone.else"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": AUDIENCE + "/"}, "aud"),
        ({"aud": {AUDIENCE: 1}}, "aud"),
        ({"iss": "https://someone.else"}, "iss"),
        ({"iss": None}, "iss"),
        ({"iss": ["http://127.0.0.1"]}, "iss"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
    ],
)
async def test_a_claim_that_does_not_fit_refuses_and_is_named(idp, make, changes, says):
    assert says in await refused(make(), idp.token(**changes))


async def test_the_issuer_is_compared_exactly(idp, make):
    assert "iss" in await refused(make(), idp.token(iss=idp.issuer + "/"))


async def test_clocks_may_differ_by_the_leeway_and_no_more(idp, make):
    now, verifier = int(time.time()), make(leeway_s=60)
    assert await verifier.verify(idp.token(exp=now - 30, nbf=now + 30, iat=now + 30))
    assert "expired" in await refused(verifier, idp.token(exp=now - 61))


async def test_an_enormous_end_is_not_a_crash(idp, make):
    assert await make().verify(idp.token(exp=10**400))


# --- signatures and headers -------------------------------------------------------------------


async def test_changed_claims_break_the_signature(idp, make):
    header, _, signature = idp.token().split(".")
    forged = ".".join([header, part(idp.claims(workspace="victim")), signature])
    assert "signed" in await refused(make(), forged)


async def test_a_key_of_somebody_else_with_the_same_id_is_refused(idp, make):
    token = idp.token(key=RSAKey.generate_key(2048, {"kid": "one"}))
    assert "signed" in await refused(make(), token)


@pytest.mark.parametrize("alg", ["none", "None", "nOnE"])
async def test_an_unsigned_token_is_refused(idp, make, alg):
    token = f"{part({'alg': alg, 'kid': 'one'})}.{part(idp.claims())}."
    assert "algorithm" in await refused(make(), token)


async def test_a_public_key_is_not_accepted_as_a_shared_secret(idp, make):
    pem = idp.keys["one"].as_pem(private=False)
    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(idp.claims())}"
    token = f"{signed}.{part(hmac.digest(pem, signed.encode(), 'sha256'))}"
    assert "algorithm" in await refused(make(), token)


async def test_a_published_shared_secret_verifies_nothing(idp, make):
    idp.keys["shared"] = secret = OctKey.generate_key(256, {"kid": "shared"})
    assert "algorithm" in await refused(make(), idp.token("shared", alg="HS256", key=secret))


async def test_an_algorithm_that_is_not_pinned_is_refused_though_the_signature_is_good(idp, make):
    token = idp.token(alg="PS256")
    assert await make(algorithms=("PS256",)).verify(token)
    assert "algorithm" in await refused(make(algorithms=("RS256",)), token)


async def test_a_key_is_used_for_its_own_algorithm_only(idp, make):
    idp.keys = {
        "k": RSAKey.import_key(make_key("RSA", "k").as_dict(private=True), {"alg": "RS256"})
    }
    verifier = make()
    assert await verifier.verify(idp.token("k"))
    token = idp.token("k", alg="PS256", key=make_key("RSA", "k"))
    assert "signed" in await refused(verifier, token)


async def test_a_weak_or_an_encryption_key_verifies_nothing(idp, make):
    with pytest.warns(match="Key size"):
        idp.keys["weak"] = RSAKey.generate_key(1024, {"kid": "weak"})
    good = make_key("RSA", "enc-source").as_dict(private=True)
    idp.keys["enc"] = RSAKey.import_key({**good, "kid": "enc", "use": "enc"})
    signing = RSAKey.import_key({**good, "kid": "enc"}, {"use": "sig"})
    verifier = make()
    with pytest.warns(match="Key size"):
        assert "signed" in await refused(verifier, idp.token("weak"))
    assert "signed" in await refused(verifier, idp.token("enc", key=signing))


@pytest.mark.parametrize(
    "header", [{"crit": ["x"], "x": 1}, {"crit": []}, {"crit": 5}, {"b64": True}]
)
async def test_critical_extensions_are_refused(idp, make, header):
    assert await refused(make(), idp.token(header=header))


async def test_header_parameters_nobody_marked_critical_are_ignored(idp, make):
    header = {"jku": "http://127.0.0.1:9/keys", "nonce": "n", "typ": "application/at+JWT"}
    assert await make().verify(idp.token(header=header))


@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", ""])
async def test_other_kinds_of_token_are_refused(idp, make, typ):
    assert "kind" in await refused(make(), idp.token(header={"typ": typ}))


async def test_a_token_that_names_no_key_is_tried_with_the_fitting_ones(idp, make):
    idp.keys = {
        "rsa": make_key("RSA", "rsa"),
        "ec": make_key("EC", "ec"),
        "ec2": make_key("EC", "ec2"),
    }
    token = idp.token("ec2", alg="ES256", header={"kid": None})
    assert await make().verify(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "..",
        "a.b.c.d.e",
        "x" * 20_000,
        "é.é.é",
        "\ud800.a.b",
        f"{part(5)}.{part({})}.AA",
        f"{part('alg')}.{part({})}.AA",
        f"{part(['alg'])}.{part({})}.AA",
        f"{part({'alg': ['RS256']})}.{part({})}.AA",
        f"{part({'alg': 'RS256', 'kid': 5})}.{part({})}.AA",
        f"{part({'alg': 'RS256', 'typ': 5})}.{part({})}.AA",
        f"{part(b'[' * 3000)}.{part({})}.AA",
        f"{part(bytes(range(256)))}.{part({})}.AA",
    ],
)
async def test_anything_else_is_malformed_and_asks_the_provider_nothing(idp, make, token):
    assert "malformed" in await refused(make(), token) or token == ".."
    assert not idp.fetches


async def test_an_oversized_token_is_refused_before_anything_is_done_with_it(idp, make):
    assert "malformed" in await refused(make(), idp.token(padding="x" * 13_000))
    assert not idp.fetches
    assert await make().verify(idp.token(padding="x" * 10_000))


@pytest.mark.parametrize(
    "payload", [b"[1]", b"5", b"{", b"[" * 8000, b"\xff", b'{"exp":' + b"9" * 5000 + b"}"]
)
async def test_a_signed_payload_that_is_no_object_is_malformed(idp, make, payload):
    from joserfc import jws

    token = jws.serialize_compact({"alg": "RS256", "kid": "one"}, payload, idp.keys["one"])
    assert "malformed" in await refused(make(), token)


# --- keys: rotation, floods, outages ----------------------------------------------------------


async def test_concurrent_tokens_share_one_fetch(idp, make):
    verifier = make()
    tokens = [idp.token(jti=str(n)) for n in range(20)]
    await asyncio.gather(*(verifier.verify(token) for token in tokens))
    assert idp.key_fetches == 1


async def test_a_waiter_that_gives_up_does_not_end_the_fetch_for_the_others(idp, make):
    idp.fault = "slow"
    verifier = make()
    first = asyncio.create_task(verifier.verify(idp.token(jti="1")))
    second = asyncio.create_task(verifier.verify(idp.token(jti="2")))
    while not idp.fetches:
        await asyncio.sleep(0.01)
    first.cancel()
    idp.released.set()
    assert (await second).workspace == "acme"
    assert idp.key_fetches == 1


async def test_a_new_key_is_found_when_the_first_token_names_it(idp, make, clock):
    verifier = make()
    await verifier.verify(idp.token())
    idp.keys["two"] = make_key("RSA", "two")
    clock.advance(5)
    assert await verifier.verify(idp.token("two"))
    assert idp.key_fetches == 2


async def test_a_flood_of_unknown_key_ids_is_not_a_flood_of_fetches(idp, make, clock):
    verifier = make()
    await verifier.verify(idp.token())
    clock.advance(5)
    for round_ in range(3):
        tokens = [
            idp.token(f"made-up-{round_}-{n}", alg="RS256", key=idp.keys["one"]) for n in range(20)
        ]
        results = await asyncio.gather(*map(verifier.verify, tokens), return_exceptions=True)
        assert all(isinstance(result, UnauthenticatedError) for result in results)
        clock.advance(1)
    assert idp.key_fetches == 2


async def test_a_key_that_was_removed_is_refused_after_the_next_refresh(idp, make, clock):
    verifier, old = make(), idp.token()
    await verifier.verify(old)
    idp.keys = {"two": make_key("RSA", "two")}
    clock.advance(5)
    await verifier.verify(idp.token("two"))  # makes the verifier look
    assert "signed" in await refused(verifier, old)  # though it was remembered a moment ago


async def test_keys_are_renewed_when_their_lifetime_ends(idp, make, clock):
    verifier = make()
    await verifier.verify(idp.token())
    known, unknown = idp.token(jti="still good"), idp.token(jti="gone")
    idp.keys = {}
    clock.advance(299)
    assert await verifier.verify(known)
    clock.advance(2)
    assert "signed" in await refused(verifier, unknown)


async def test_known_keys_are_used_for_an_hour_while_the_provider_is_down(idp, make, clock):
    verifier = make()
    await verifier.verify(idp.token())
    await idp.stop()
    clock.advance(3500)
    for n in range(3):
        assert await verifier.verify(idp.token(jti=str(n)))
    clock.advance(200)
    with pytest.raises(UnavailableError) as caught:
        await verifier.verify(idp.token(jti="too late"))
    assert caught.value.retry_after
    await idp.start()
    clock.advance(5)
    assert await verifier.verify(idp.token(jti="back"))


async def test_nobody_waits_for_a_provider_that_hangs_while_keys_are_known(idp, make, clock):
    verifier = make(timeout_s=0.2)
    await verifier.verify(idp.token())
    idp.fault = "slow"
    clock.advance(301)
    assert await verifier.verify(idp.token(jti="the one that finds out"))
    clock.advance(5)
    task = asyncio.create_task(verifier.verify(idp.token(jti="the next one")))
    for _ in range(3):  # it needs no more than its own turn on the loop
        await asyncio.sleep(0)
    assert task.done()
    assert task.result().workspace == "acme"


async def test_an_unknown_key_id_is_not_called_invalid_while_the_provider_is_down(idp, make, clock):
    verifier = make()
    await verifier.verify(idp.token())
    idp.keys["two"] = make_key("RSA", "two")
    idp.fault = "error"
    clock.advance(5)
    with pytest.raises(UnavailableError):
        await verifier.verify(idp.token("two"))


@pytest.mark.parametrize(
    "fault",
    ["error", "slow", "garbage", "huge", "redirect", "wrong_issuer"],
)
async def test_a_provider_that_answers_badly_counts_as_down_until_it_recovers(
    idp, make, clock, fault
):
    idp.fault = fault
    verifier = make(timeout_s=0.3)
    with pytest.raises(UnavailableError):
        await verifier.verify(idp.token())
    with pytest.raises(UnavailableError):
        await verifier.verify(idp.token())
    assert sum(idp.fetches.values()) == 1  # the second did not ask again so soon
    idp.fault = None
    idp.released.set()
    clock.advance(5)
    assert await verifier.verify(idp.token())


@pytest.mark.parametrize("fault", ["deep", "huge", "garbage"])
async def test_a_key_set_that_cannot_be_read_counts_as_down_too(idp, make, fault):
    idp.fault = fault
    with pytest.raises(UnavailableError):
        await make(jwks_url=idp.issuer + "/keys").verify(idp.token())


@pytest.mark.parametrize(
    "address", ["http://keys.example", "file://", "ftp://127.0.0.1", "http://["]
)
async def test_discovery_cannot_send_us_to_an_address_others_can_tamper_with(idp, make, address):
    idp.keys_at = address
    with capture_logs() as logs, pytest.raises(UnavailableError):
        await make().verify(idp.token())
    assert ["trusted" in log["reason"] for log in logs] == [True]


async def test_a_provider_that_was_never_there_is_unavailable(idp, make):
    await idp.stop()
    with pytest.raises(UnavailableError):
        await make().verify(idp.token())


async def test_keys_come_straight_from_a_configured_address(idp, make):
    assert await make(jwks_url=idp.issuer + "/keys").verify(idp.token())
    assert set(idp.fetches) == {"/keys"}


async def test_one_bad_key_in_the_set_does_not_hide_the_others(idp, make):
    idp.published = [
        {},
        {"kty": ["RSA"]},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": 5},
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "AKP", "kid": "future", "alg": "ML-DSA-44", "pub": "AA"},
    ]
    assert await make().verify(idp.token())


# --- remembering ------------------------------------------------------------------------------


async def test_a_verified_token_is_remembered_for_a_minute_and_not_past_its_end(
    idp, make, clock, monkeypatch
):
    verifier, token = make(), idp.token()
    first = await verifier.verify(token)
    assert await verifier.verify(token) is first
    clock.advance(61)
    assert await verifier.verify(token) is not first

    brief = idp.token(exp=int(time.time()) + 20)
    await verifier.verify(brief)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 100)
    clock.advance(21)
    assert "expired" in await refused(verifier, brief)


async def test_no_more_than_so_many_tokens_are_remembered(idp, make, monkeypatch):
    monkeypatch.setattr("intone.core.tokens._REMEMBERED", 3)
    verifier, tokens = make(), [idp.token(jti=str(n)) for n in range(5)]
    kept = [await verifier.verify(token) for token in tokens]
    assert len(verifier._known) == 3
    assert await verifier.verify(tokens[-1]) is kept[-1]


# --- the policy itself ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": "http://identity.example"},
        {"issuer": "http://127.0.0.1.example"},
        {"issuer": "identity.example"},
        {"issuer": "http://["},
        {"issuer": "https://"},
        {"jwks_url": "http://identity.example/keys"},
        {"jwks_url": "file:///etc/keys"},
        {"algorithms": ("RS256", "none")},
        {"algorithms": ("HS256",)},
        {"algorithms": ()},
        {"audience": ()},
    ],
)
def test_an_unsafe_policy_is_refused(options):
    with pytest.raises(InvalidInputError):
        TokenPolicy(**{"issuer": "https://identity.example", "audience": ("a",), **options})


@pytest.mark.parametrize(
    "issuer", ["http://localhost:8080/realms/x", "http://[::1]:9", "https://a.example"]
)
def test_plain_http_is_for_this_machine_only(issuer):
    assert TokenPolicy(issuer=issuer, audience=("a",)).issuer == issuer
