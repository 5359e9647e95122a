"""The reference page in a real browser."""

import pytest

from helpers.chromium import open_page


@pytest.mark.requires("chromium")
async def test_the_reference_renders_from_this_server_alone_and_within_its_policy(
    live_app, tmp_path
):
    origin = f"http://127.0.0.1:{live_app.port}"
    async with open_page(tmp_path) as page:
        await page.call("Page.navigate", url=f"{origin}/docs")
        await page.until("document.body?.innerText.includes('/v1/small/orders') ?? false")
        text = await page.evaluate("document.body.innerText")
        await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        await page.until("document.fonts.status === 'loaded'")
        asked = [event["request"]["url"] for event in page.seen("Network.requestWillBeSent")]
        complaints = [event["entry"]["text"] for event in page.seen("Log.entryAdded")]
        crashes = page.seen("Runtime.exceptionThrown")
        errors = await page.console("error")
    assert "Intone" in text
    assert f"{origin}/docs/scalar.js?v=1.46.4" in asked
    assert [url for url in asked if not url.startswith((origin, "data:", "blob:"))] == []
    assert complaints == []  # violations of the policy and failed loads
    assert crashes == []
    assert errors == []
