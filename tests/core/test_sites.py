"""Sites: by what they are found, how they are changed, and what goes with one that is deleted."""

import pytest

from helpers.work import VOICE, count
from intone.core import keys, sites
from intone.errors import InvalidInputError, NotFoundError
from intone.storage.database import now_ms


async def make(database, workspace_id, *domains, **changes):
    return await database.write(
        sites.create, workspace_id, domains=domains or ("blog.example",), voice=VOICE, **changes
    )


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
