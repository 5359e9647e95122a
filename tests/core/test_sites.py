"""Sites: whose a domain is, how it is written, and what goes with a site that is deleted."""

import asyncio

import pytest

from helpers.work import VOICE, count, make_workspace
from intone.core import keys, sites
from intone.errors import InvalidInputError, NotFoundError
from intone.storage.database import now_ms


async def make(database, workspace_id, *domains, **changes):
    return await database.write(
        sites.create, workspace_id, domains=domains or ("blog.example",), voice=VOICE, **changes
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
    assert sites.normal_domain(said) == kept
    assert sites.normal_domain(kept) == kept


@pytest.mark.parametrize(
    "said",
    ["", " ", "http://", "a b.example", "-a.example", "a..example", "*.example", "a" * 64,
     "x." * 127 + "example", "user@", "http://[::1", "blog.example:port", "\x00", "a/b@c:d:e"],
)  # fmt: skip
def test_what_is_no_domain_is_refused(said):
    with pytest.raises(InvalidInputError, match="domain:"):
        sites.normal_domain(said)


async def test_a_site_is_found_by_each_of_its_names(database, workspace_id):
    made = await make(database, workspace_id, "Blog.example", "bücher.example", "BLOG.example")
    assert made.domains == ("blog.example", "xn--bcher-kva.example")
    assert (made.name, made.voice, made.voices) == ("blog.example", VOICE, ())
    for name in (str(made.number), made.id, made.id.upper(), "BÜCHER.example", "blog.example"):
        assert await database.read(sites.find, name) == made
        assert await database.read(sites.find, name, workspace_id) == made
        with pytest.raises(NotFoundError):
            await database.read(sites.find, name, "another workspace")
    assert await database.read(sites.find_by_domain, "http://blog.example:8000") == made
    for name in ("0", "2" * 30, "nobody.example", "", "%"):
        with pytest.raises(NotFoundError):
            await database.read(sites.find, name)


async def test_a_domain_is_one_sites_alone(database, workspace_id):
    other = await database.write(make_workspace, "other")
    first = await make(database, workspace_id)
    second = await make(database, other, "other.example")
    for owner in (workspace_id, other):
        with pytest.raises(InvalidInputError, match="another site's"):
            await make(database, owner, "new.example", "Blog.Example")
    with pytest.raises(InvalidInputError, match="another site's"):
        await database.write(sites.add_domain, second.id, "blog.example")
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
    site = await make(database, workspace_id)
    site = await database.write(sites.add_domain, site.id, "www.blog.example")
    assert await database.write(sites.add_domain, site.id, "WWW.blog.example") == site
    assert site.domains == ("blog.example", "www.blog.example")
    site = await database.write(sites.remove_domain, site.id, "blog.example")
    assert (site.domain, site.domains) == ("www.blog.example", ("www.blog.example",))
    with pytest.raises(InvalidInputError, match="at least one"):
        await database.write(sites.remove_domain, site.id, "www.blog.example")
    with pytest.raises(NotFoundError):
        await database.write(sites.remove_domain, site.id, "blog.example")
    await make(database, workspace_id, "blog.example")


async def test_a_site_is_changed_within_bounds(database, workspace_id):
    site = await make(database, workspace_id)
    changed = await database.write(
        sites.update,
        site.id,
        name="A blog",
        voices=("voice_en_us_002", VOICE),
        allow_download=True,
        code_blocks="announce",
        email="editor@blog.example",
        image_url="https://blog.example/cover.png",
        description="On reading.",
    )
    assert changed == await database.read(sites.find_by_id, site.id)
    assert (changed.name, changed.allow_download) == ("A blog", True)
    assert changed.voices == ("voice_en_us_002", VOICE)
    assert (await database.write(sites.update, site.id, email=None)).email is None
    for bad in (
        {"name": ""},
        {"name": "a" * 101},
        {"language": "english please"},
        {"code_blocks": "sing"},
        {"email": "nobody"},
        {"image_url": "javascript:alert(1)"},
        {"description": "a" * 5000},
        {"voices": tuple(f"voice_{n}" for n in range(51))},
    ):
        with pytest.raises(InvalidInputError):
            await database.write(sites.update, site.id, **bad)
    with pytest.raises(NotFoundError):
        await database.write(sites.update, "nobody", name="x")


async def test_a_rotation_ends_every_key_of_the_site_and_no_other(database, workspace_id):
    site = await make(database, workspace_id, "a.example")
    other = await make(database, workspace_id, "b.example")
    first = await database.write(sites.rotate_key, site)
    imported = await database.write(
        keys.import_key, workspace_id, "old", ("speak",), "vg_live_0123456789", site_id=site.id
    )
    theirs = await database.write(sites.rotate_key, other)
    whole = await database.write(keys.create, workspace_id, "whole")
    new = await database.write(sites.rotate_key, site)
    found = {key.id: key for key in await database.read(keys.list_keys)}
    now = now_ms() + 1
    assert not found[first.key.id].active(now)
    assert not found[imported.key.id].active(now)
    assert all(found[made.key.id].active(now) for made in (theirs, whole, new))
    assert found[new.key.id].site_id == site.id
    assert found[new.key.id].scopes == {"speak"}
    assert found[whole.key.id].site_id is None
    rotated = await database.write(keys.rotate, theirs.key.id, 1)
    assert rotated.key.site_id == other.id


async def test_a_deleted_site_leaves_nothing_that_opens_anything(database, queue, workspace_id):
    site = await make(database, workspace_id, "a.example", "b.example")
    key = await database.write(sites.rotate_key, site)
    await database.write(sites.delete, queue, site.id)
    assert await count(database, "sites") == 0
    assert await count(database, "site_domains") == 0
    found = await database.read(keys.find, key.key.id)
    assert not found.active(now_ms())
    with pytest.raises(NotFoundError):
        await database.write(sites.delete, queue, site.id)
    await make(database, workspace_id, "a.example")
