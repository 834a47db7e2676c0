"""The rendered reports in a real browser, with the network cut."""

import os
import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.notebooks]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PAGES = [
    "index", "01_data_audit", "02_roi_comparison", "03_resnet_selection", "04_five_fold_training",
    "05_subject_diagnosis", "06_grad_cam",
]  # fmt: skip
REPORTS = PAGES[1:]
WIDTHS = (400, 1280)


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing = f"no browser found (looked for {', '.join(BROWSERS)})"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, smoke_study):
    """Open a page of the smoke study at a width; afterwards nothing may have been asked of the network."""
    seen, complaints = [], []

    @contextmanager
    def opened(name, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.route("**/*", lambda route: (seen.append(route.request.url), offline(route)))
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((smoke_study.result.index.parent / f"{name}.html").as_uri())
        yield page
        context.close()

    yield opened
    assert [url for url in seen if not url.startswith(("file://", "data:"))] == []
    assert complaints == []


def offline(route):
    """Let files through, cut everything else."""
    if route.request.url.startswith(("file://", "data:")):
        route.continue_()
    else:
        route.abort()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_its_window(visit, name, width):
    with visit(name, width) as page:
        page.evaluate("document.querySelectorAll('details').forEach((element) => { element.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_is_loaded_and_described(visit, name):
    with visit(name) as page:
        pictures = page.evaluate(
            "Array.from(document.images, (image) => [image.alt, image.complete && image.naturalWidth > 0])"
        )
        assert all(alt.strip() and loaded for alt, loaded in pictures)
        assert page.locator("h1").count() == 1
        assert page.title()


@pytest.mark.parametrize("name", REPORTS)
def test_code_is_folded_until_the_button_is_pressed(visit, name):
    with visit(name) as page:
        code, button = page.locator("details.code pre"), page.locator("#toggle-code")
        assert code.count() >= 3
        assert not any(block.is_visible() for block in code.all())
        assert button.inner_text() == "Show all code"
        button.click()
        assert all(block.is_visible() for block in code.all())
        assert button.inner_text() == "Hide all code"
        button.click()
        assert not any(block.is_visible() for block in code.all())


def test_one_cell_can_be_unfolded_alone(visit):
    with visit("01_data_audit") as page:
        page.locator("details.code summary").first.click()
        assert [block.is_visible() for block in page.locator("details.code pre").all()][:2] == [True, False]
        page.locator("details.parameters summary").click()
        assert page.locator("details.parameters tbody tr").first.is_visible()


def test_the_index_leads_to_every_report_and_back(visit):
    with visit("index") as page:
        links = [link.get_attribute("href") for link in page.locator(".card a").all()]
        assert links == [f"{name}.html" for name in REPORTS]
        for link in links:
            page.locator(f'.card a[href="{link}"]').click()
            assert page.url.endswith(link)
            page.locator('a[href="index.html"]').click()
            assert page.url.endswith("index.html")
        assert page.get_by_text("SYNTHETIC", exact=True).is_visible()
        assert page.locator(".card img").count() == len(REPORTS)


def test_the_contents_lead_to_their_sections(visit):
    with visit("04_five_fold_training") as page:
        for link in page.locator(".toc a").all():
            assert page.locator(f"id={link.get_attribute('href')[1:]}").inner_text() == link.inner_text()


def test_a_page_can_be_read_without_scripts_and_printed(visit):
    with visit("04_five_fold_training", java_script_enabled=False) as page:
        assert page.locator(".callout.answer").is_visible()
        assert not page.locator("#toggle-code").is_visible()
        page.emulate_media(media="print")
        assert not page.locator(".toc").is_visible()
        assert page.locator(".callout.answer").is_visible()


def test_a_script_that_slipped_into_the_data_does_not_run(browser, smoke_study, tmp_path):
    text = (smoke_study.result.index.parent / "index.html").read_text()
    evil = tmp_path / "evil.html"
    evil.write_text(
        text.replace(
            "</main>", "<script>document.title = 'owned'</script><img src=x onerror='document.title=1'></main>"
        )
    )
    page = browser.new_page()
    page.goto(evil.as_uri())
    assert page.title().startswith("Study report")
    page.close()
