"""The domains of sites: how one is written, and whose it is."""

import asyncio

import pytest

from helpers.work import VOICE, count, make_workspace
from intone.core import site_domains, sites
from intone.errors import InvalidInputError, NotFoundError


async def make(database, workspace_id, *domains):
    return await database.write(
        sites.create, workspace_id, domains=domains or ("blog.example",), voice=VOICE
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("blog.example", "blog.example"),
        ("  Blog.Example. ", "blog.example"),
        ("https://blog.example:8443/a/b?c", "blog.example"),
        ("blog.example:80", "blog.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("http://localhost:8000", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]:8000", "::1"),
        ("http://[2001:DB8::0:1]/", "2001:db8::1"),
        ("my_intranet", "my_intranet"),
    ],
)
def test_a_domain_is_kept_in_one_spelling(said, kept):
    assert site_domains.normal_domain(said) == kept
    assert site_domains.normal_domain(kept) == kept


@pytest.mark.parametrize(
    "said",
    ["", " ", "http://", "a b.example", "-a.example", "a..example", "*.example", "a" * 64,
     "x." * 127 + "example", "user@", "http://[::1", "blog.example:port", "\x00", "a/b@c:d:e"],
)  # fmt: skip
def test_what_is_no_domain_is_refused(said):
    with pytest.raises(InvalidInputError, match="domain:"):
        site_domains.normal_domain(said)


async def test_a_domain_is_one_sites_alone(database, workspace_id):
    other = await database.write(make_workspace, "other")
    first = await make(database, workspace_id)
    second = await make(database, other, "other.example")
    for owner in (workspace_id, other):
        with pytest.raises(InvalidInputError, match="another site's"):
            await make(database, owner, "new.example", "Blog.Example")
    with pytest.raises(InvalidInputError, match="another site's"):
        await database.write(site_domains.add, second.id, "blog.example")
    assert await database.read(sites.list_sites) == [first, second]
    assert await database.read(sites.list_sites, other) == [second]
    assert await count(database, "site_domains") == 2


async def test_of_twenty_that_want_a_domain_at_once_one_gets_it(database, workspace_id):
    tried = await asyncio.gather(
        *(make(database, workspace_id) for _ in range(20)), return_exceptions=True
    )
    made = [site for site in tried if isinstance(site, sites.Site)]
    refused = [error for error in tried if isinstance(error, InvalidInputError)]
    assert (len(made), len(refused)) == (1, 19)
    assert await count(database, "sites") == 1


async def test_domains_come_and_go(database, workspace_id):
    made = await make(database, workspace_id)
    await database.write(site_domains.add, made.id, "www.blog.example")
    await database.write(site_domains.add, made.id, "WWW.blog.example")
    site = await database.read(sites.find_by_id, made.id)
    assert site.domains == ("blog.example", "www.blog.example")
    await database.write(site_domains.remove, made.id, "blog.example")
    site = await database.read(sites.find_by_id, made.id)
    assert (site.domain, site.domains) == ("www.blog.example", ("www.blog.example",))
    with pytest.raises(InvalidInputError, match="at least one"):
        await database.write(site_domains.remove, made.id, "www.blog.example")
    with pytest.raises(NotFoundError):
        await database.write(site_domains.remove, made.id, "blog.example")
    for change in (site_domains.add, site_domains.remove):
        with pytest.raises(NotFoundError):
            await database.write(change, "nobody", "new.example")
    await make(database, workspace_id, "blog.example")
