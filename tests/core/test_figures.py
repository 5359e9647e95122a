"""Figures are sums of what was counted, of the selected days, sites and languages alone."""

from __future__ import annotations

import pytest

from helpers.listeners import make_post, make_site
from helpers.work import make_workspace
from intone.core.figures import Figures, Selection, by_day, by_post, newest, total
from intone.core.post_events import COUNTED
from intone.errors import InvalidInputError, NotFoundError

DAY = 20_000


def add(tx, number, day, **counted):
    tx.execute(
        f"INSERT INTO post_days (post_number, day, {', '.join(COUNTED)})"
        f" VALUES (:number, :day, {', '.join(':' + name for name in COUNTED)})",
        number=number,
        day=day,
        **dict.fromkeys(COUNTED, 0) | counted,
    )


@pytest.fixture
async def sites(database, workspace_id):
    """Two sites of a workspace with three posts; another workspace has a post of the same name."""

    def make(tx):
        one, two = make_site(tx, workspace_id), make_site(tx, workspace_id)
        strange = make_site(tx, make_workspace(tx, "another"))
        first = make_post(tx, one, "article-1", title="First")
        german = make_post(tx, one, "article-1", "de", title="Erster")
        second = make_post(tx, two, "article-2")
        add(tx, first, DAY, plays=5, completes=2, heard_ms=90_000, impressions=7, quarters=4)
        add(tx, first, DAY + 2, plays=1, halves=3, three_quarters=2)
        add(tx, german, DAY + 1, plays=9, heard_ms=1000, impressions=8)
        add(tx, second, DAY, plays=6, errors=1, seeks=2, pauses=3)
        add(tx, make_post(tx, strange, "article-1"), DAY, plays=1000, impressions=1000)
        return one, two, strange

    return await database.write(make)


def selection(workspace_id, **changes):
    return Selection(**{"workspace_id": workspace_id, "first": DAY, "last": DAY + 9} | changes)


async def test_totals_are_of_the_workspace_alone(database, workspace_id, sites):
    assert await database.read(total, selection(workspace_id)) == Figures(
        impressions=15, plays=21, pauses=3, seeks=2, errors=1, quarters=4, halves=3,
        three_quarters=2, completes=2, heard_ms=91_000,
    )  # fmt: skip


async def test_another_workspaces_site_is_nothing(database, workspace_id, sites):
    wanted = selection(workspace_id, site_id=sites[2])
    assert await database.read(total, wanted) == Figures()
    assert await database.read(by_post, wanted, limit=9) == []
    assert await database.read(newest, wanted, limit=9) == []
    with pytest.raises(NotFoundError):
        await database.read(by_day, selection(workspace_id, site_id=sites[2], language="en"), "x")


@pytest.mark.parametrize(
    ("changes", "plays"),
    [
        ({"last": DAY}, 11),
        ({"first": DAY + 1}, 10),
        ({"first": DAY + 3}, 0),
        ({"language": "de"}, 9),
        ({"language": "fr"}, 0),
    ],
)
async def test_days_and_languages_are_selected(database, workspace_id, sites, changes, plays):
    assert (await database.read(total, selection(workspace_id, **changes))).plays == plays


async def test_sites_are_selected(database, workspace_id, sites):
    assert (await database.read(total, selection(workspace_id, site_id=sites[0]))).plays == 15
    assert (await database.read(total, selection(workspace_id, site_id=sites[1]))).plays == 6


@pytest.mark.parametrize(
    ("sorting", "order"),
    [("plays", ["de", "en 2", "en"]), ("impressions", ["de", "en", "en 2"]),
     ("heard", ["en", "de", "en 2"])],
)  # fmt: skip
async def test_posts_are_listed_by_any_figure(database, workspace_id, sites, sorting, order):
    """Page after page of one gives the same as all at once; ties go by the newer post."""
    names, after = [], None
    while found := await database.read(
        by_post, selection(workspace_id), sorting=sorting, limit=1, after=after
    ):
        (post,) = found
        names.append(post.language + (" 2" if post.post_id == "article-2" else ""))
        after = post.rank(sorting)
    assert names == order


async def test_a_tie_is_not_lost_between_pages(database, workspace_id):
    def make(tx):
        site_id = make_site(tx, workspace_id)
        for number in range(5):
            add(tx, make_post(tx, site_id, f"post-{number}"), DAY, plays=3)

    await database.write(make)
    seen, after = [], None
    while found := await database.read(by_post, selection(workspace_id), limit=2, after=after):
        seen += [post.post_id for post in found]
        after = found[-1].rank("plays")
    assert seen == [f"post-{number}" for number in (4, 3, 2, 1, 0)]


async def test_newest_first_is_paged_too(database, workspace_id, sites):
    first = await database.read(newest, selection(workspace_id), limit=2)
    rest = await database.read(newest, selection(workspace_id), limit=2, before=first[-1].number)
    titles = [(post.title, post.figures.plays) for post in (*first, *rest)]
    assert titles == [("A title", 6), ("Erster", 9), ("First", 6)]


async def test_days_without_anything_are_noughts(database, workspace_id, sites):
    post, days = await database.read(
        by_day, selection(workspace_id, language="en", last=DAY + 3), "article-1"
    )
    assert [(day, figures.plays) for day, figures in days] == [
        (DAY, 5), (DAY + 1, 0), (DAY + 2, 1), (DAY + 3, 0),
    ]  # fmt: skip
    assert (post.title, post.figures.plays, post.figures.halves) == ("First", 6, 3)


async def test_a_post_that_two_sites_have_must_be_told_apart(database, workspace_id, sites):
    await database.write(make_post, sites[1], "article-1")
    with pytest.raises(InvalidInputError, match="site"):
        await database.read(by_day, selection(workspace_id, language="en"), "article-1")
    post, _ = await database.read(
        by_day, selection(workspace_id, language="en", site_id=sites[1]), "article-1"
    )
    assert post.site_id == sites[1]


def test_what_follows_from_counts():
    assert Figures(plays=3, completes=1).completion_rate == 0.3333
    assert Figures(plays=1, completes=2).completion_rate == 1.0
    assert Figures(completes=2).completion_rate is None
    assert Figures(heard_ms=91_000).minutes_heard == 1.52
