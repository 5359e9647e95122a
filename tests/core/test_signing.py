"""Signatures: nobody makes one without the key, and all nodes have the same."""

import asyncio
import time

import pytest

from helpers.work import count
from intone.core.signing import Signer
from intone.errors import ForbiddenError, SignatureError
from intone.storage.open import open_database

# Far enough for a suite that runs longer than anyone planned.
SOON = int(time.time()) + 86_400


@pytest.fixture
def signer(database):
    return Signer(database)


async def test_a_signature_opens_what_it_was_made_for(signer):
    await signer.verify("downloads", "a", SOON, await signer.sign("downloads", "a", SOON))


async def test_any_bit_of_a_signature_that_is_flipped_spoils_it(signer):
    signature = (await signer.sign("downloads", "a", SOON)).encode()
    for place in range(len(signature)):
        for bit in range(8):
            spoilt = bytearray(signature)
            spoilt[place] ^= 1 << bit
            with pytest.raises(SignatureError):
                await signer.verify("downloads", "a", SOON, spoilt.decode("latin-1"))


@pytest.mark.parametrize("change", [str.upper, lambda s: s + " ", lambda s: s[:-1], lambda _: ""])
async def test_another_spelling_of_a_signature_is_another_signature(signer, change):
    signature = await signer.sign("downloads", "abc", SOON)
    assert change(signature) != signature
    with pytest.raises(SignatureError):
        await signer.verify("downloads", "abc", SOON, change(signature))


@pytest.mark.parametrize(
    "other", [("uploads", "a", SOON), ("downloads", "b", SOON), ("downloads", "a", SOON + 1)]
)
async def test_a_signature_opens_nothing_else(signer, other):
    signature = await signer.sign("downloads", "a", SOON)
    with pytest.raises(SignatureError):
        await signer.verify(*other, signature)


async def test_parts_do_not_run_into_one_another(signer):
    """With one key for both, a longer purpose and a shorter subject would be the same text."""
    signer._keys |= dict.fromkeys(("ab", "a"), b"one key")
    assert await signer.sign("ab", "c", SOON) != await signer.sign("a", "bc", SOON)


@pytest.mark.parametrize(("after", "works"), [(0, True), (599, True), (600, True), (601, False)])
async def test_a_signature_is_good_until_its_second(database, after, works):
    clock = [1_000_000.0]
    signer = Signer(database, clock=lambda: clock[0])
    signature = await signer.sign("downloads", "a", 1_000_600)
    clock[0] += after
    if works:
        await signer.verify("downloads", "a", 1_000_600, signature)
        return
    with pytest.raises(SignatureError):
        await signer.verify("downloads", "a", 1_000_600, signature)


async def test_all_nodes_make_one_key_together(database, database_url):
    other = open_database(database_url)
    await other.start()
    try:
        signers = [Signer(database if n % 2 else other) for n in range(10)]
        signatures = await asyncio.gather(*[s.sign("downloads", "a", SOON) for s in signers])
    finally:
        await other.close()
    assert len(set(signatures)) == 1
    assert await count(database, "signing_keys") == 1


async def test_each_purpose_has_a_key_of_its_own(database, signer):
    await signer.sign("downloads", "a", SOON)
    await signer.sign("uploads", "a", SOON)
    rows = await database.read(lambda tx: tx.all("SELECT secret FROM signing_keys"))
    assert len({bytes(row["secret"]) for row in rows}) == 2


def test_a_spoilt_signature_is_a_thing_that_is_forbidden():
    assert issubclass(SignatureError, ForbiddenError)
