"""A picture of Home Assistant's dashboard, by Chromium without a window.

Home Assistant lets a browser on its own machine in without a password: see configuration.yaml.
"""

import asyncio
import base64

import aiohttp

from world import DEADLINE, PROJECT

PICTURE = PROJECT / "docs/pictures/home-assistant.png"
DASHBOARD = "http://127.0.0.1:8123/lovelace-leds/0"
PORT = 9222
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=/tmp/browser"]
OPTIONS += [f"--remote-debugging-port={PORT}", "--window-size=500,700"]

# Where the cards end, once they show the effect. The elements of Home Assistant are trees within trees.
END_OF_CARDS = """(() => {
    const nodes = (node) => [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].flatMap((n) => [n, ...nodes(n)]);
    const cards = nodes(document).find((node) => node.localName == "hui-masonry-view");
    const isDrawn = cards && nodes(cards).some((node) => node.nodeType == Node.TEXT_NODE && node.data.includes("blink"));
    return isDrawn ? cards.getBoundingClientRect().bottom : 0;
})()"""


async def draw(world):
    """Draws the dashboard until it does not change any more."""
    world.start("chromium", "chromium", *OPTIONS, DASHBOARD)
    async with asyncio.timeout(DEADLINE), aiohttp.ClientSession() as session:
        async with session.ws_connect(await page(session)) as browser:
            before, image = None, None
            while image is None or image != before:
                before, image = image, await screenshot(browser)
    PICTURE.write_bytes(image)


async def screenshot(browser):
    """A picture of the page down to the end of the cards; none if they are not drawn yet."""
    found = await ask(browser, "Runtime.evaluate", expression=END_OF_CARDS, returnByValue=True)
    height = found.get("result", {}).get("value")
    if not height:
        await asyncio.sleep(0.1)
        return None
    clip = {"x": 0, "y": 0, "width": 500, "height": height, "scale": 1}
    return base64.b64decode((await ask(browser, "Page.captureScreenshot", clip=clip))["data"])


async def page(session):
    """The address at which the browser takes commands for its page."""
    while True:
        try:
            async with session.get(f"http://127.0.0.1:{PORT}/json") as reply:
                for target in await reply.json():
                    if target["type"] == "page":
                        return target["webSocketDebuggerUrl"]
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.1)


async def ask(browser, method, **params):
    """Sends a command of the DevTools protocol. Returns the result, which is empty while the page changes."""
    await browser.send_json({"id": 1, "method": method, "params": params})
    while (reply := await browser.receive_json()).get("id") != 1:
        pass
    return reply.get("result", {})
