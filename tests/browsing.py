"""A real Chromium for the tests, with the network cut and every complaint noted."""

import os
import shutil
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from patience import PATIENCE_MS
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


@contextmanager
def chromium():
    """The installed browser; the test is skipped without one, and fails where CI=true."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing = f"no browser found (looked for {', '.join(BROWSERS)})"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@contextmanager
def offline_page(browser, path, width=1280, **options):
    """A page of one file; at the end nothing may have been asked of the network, and no script have failed."""
    seen, complaints = [], []
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(PATIENCE_MS)
    context.route("**/*", lambda route: (seen.append(route.request.url), _offline(route)))
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert [url for url in seen if not url.startswith(("file://", "data:"))] == []
    assert complaints == []


def _offline(route):
    """Let files through, cut everything else."""
    if route.request.url.startswith(("file://", "data:")):
        route.continue_()
    else:
        route.abort()


def severe(page):
    """What axe-core finds serious or critical, as readable lines."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
