"""A page of a publisher in a real Chromium, with players in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.chromium import browser, new_page
from helpers.player_page import FLAGS, PlayerPage
from loopback.reader_site import Post, ReaderSite, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

#: Five sentences, about half a minute.
ARTICLE = "\n".join(  # noqa: FLY002 - a line is a line of captions
    (
        "Every river wants a bridge, and every bridge wants a river beneath it.",
        "In 1874 the town of Elbe Falls built its first, of oak and iron.",
        "It stood for eleven years, until the ice came down in one night and took it.",
        "The second was made of stone, and the children called it the grey cat.",
        "Nobody remembers why, but the name has stayed to this day.",
    )
)


@pytest.fixture
def article() -> str:
    return ARTICLE


@pytest.fixture
async def site() -> AsyncIterator[ReaderSite]:
    """A site with the post `rivers`, which is ready."""
    async with ReaderSite() as site:
        site.posts["rivers", 1] = Post(record(ARTICLE))
        yield site


@pytest.fixture(scope="session")
def browser_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One browser for all; each test has a page that shares nothing with the others'."""
    with browser(tmp_path_factory.mktemp("chromium") / "profile", *FLAGS) as port:
        yield port


@pytest.fixture
async def reader(site: ReaderSite, browser_port: int) -> AsyncIterator[PlayerPage]:
    """A reader's browser; `await reader.open(…)` goes to a page of the site."""
    async with new_page(browser_port) as page:
        yield PlayerPage(page, site)
