"""The rendered reports in a real browser, with the network cut."""

import io
import re
import unicodedata
from contextlib import contextmanager

import pytest
from browsing import offline_page, severe
from patience import PATIENCE_MS
from pypdf import PdfReader

from sijstudy.files import read_json
from sijstudy.study.page import SIZE_LIMIT

pytestmark = [pytest.mark.browser, pytest.mark.notebooks]

PAGES = [
    "index", "01_data_audit", "02_roi_comparison", "03_resnet_selection", "04_five_fold_training",
    "05_subject_diagnosis", "06_grad_cam", "07_external_validation", "08_ablations",
    "09_whole_examinations",
]  # fmt: skip
REPORTS = PAGES[1:]
EVERY_PAGE = [*PAGES, "checklist", "model_card"]
WIDTHS = (400, 1280)
PRINTED_WIDTH = 680  # CSS pixels of A4 without its margins of 15 mm


@pytest.fixture
def visit(browser, smoke_study):
    """Open a page of the smoke study at a width; afterwards nothing may have been asked of the network."""

    @contextmanager
    def opened(name, width=1280, **options):
        path = smoke_study.result.index.parent / f"{name}.html"
        with offline_page(browser, path, width, **options) as page:
            yield page

    return opened


def result(smoke_study, name):
    return read_json(smoke_study.root / "runs/smoke/results" / f"{name}.json")


def answer(smoke_study, name):
    return result(smoke_study, name)["answer"]


@pytest.mark.parametrize("name", EVERY_PAGE)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(visit, name, width):
    with visit(name, width) as page:
        page.evaluate("document.querySelectorAll('details').forEach((element) => { element.open = true; })")
        assert severe(page) == []


def test_axe_does_find_what_is_wrong(visit):
    with visit("index") as page:
        page.evaluate("document.images[0].removeAttribute('alt')")
        assert any(line.startswith("image-alt") for line in severe(page))


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_a_page_is_small_enough_to_be_mailed(smoke_study, name):
    assert (smoke_study.result.index.parent / f"{name}.html").stat().st_size < SIZE_LIMIT


@pytest.mark.parametrize("name", [name for name in REPORTS if name != "07_external_validation"])  # no other cohort
def test_figures_have_two_pixels_for_each_of_the_screen(visit, name):
    with visit(name) as page:
        ratios = page.evaluate(
            "Array.from(document.querySelectorAll('.figure img'), (image) => image.naturalWidth / image.clientWidth)"
        )
        assert ratios
        assert min(ratios) > 1.95


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_opens_with_question_cohort_and_answer(visit, smoke_study, name):
    with visit(name) as page:
        block = page.locator(".masthead .title-block")
        assert block.locator("dt").all_inner_texts() == ["Question", "Cohort", "Answer"]
        question, cohort, said = block.locator("dd").all_inner_texts()
        assert question.endswith("?")
        assert re.search(r"\d+ subjects .*\d+ slices .*Synthetic", cohort)
        assert said == answer(smoke_study, name)
        assert page.get_by_text(question).count() == 1  # it is not said again below


@pytest.mark.parametrize("name", PAGES)
def test_a_page_printed_to_pdf_holds_its_answer(visit, smoke_study, name):
    with visit(name) as page:
        reader = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
        pages = [squeezed(sheet.extract_text()) for sheet in reader.pages]
        assert squeezed(answer(smoke_study, "05_subject_diagnosis" if name == "index" else name)) in pages[0]
        assert all(pages)
        assert "Showcode" not in "".join(pages)


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_nothing_is_cut_at_the_edge_of_the_paper(visit, name):
    with visit(name, PRINTED_WIDTH) as page:
        page.emulate_media(media="print")
        cut = page.evaluate(
            """() => Array.from(document.querySelectorAll("main table, main img, main svg[role], main pre"))
              .filter((box) => box.checkVisibility() && box.getBoundingClientRect().right > innerWidth + 1)
              .map((box) => box.outerHTML.slice(0, 200))"""
        )
        assert cut == []


def squeezed(text):
    """Without white space and ligatures, which a PDF has of its own."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def test_the_sliders_of_notebook_05_start_from_its_own_table(visit, smoke_study):
    with visit("05_subject_diagnosis") as page:
        mean = float(page.locator('[data-key="mean.accuracy"]').get_attribute("data-mean"))
        entries = read_json(smoke_study.root / "runs/smoke/results/05_subject_diagnosis.json")["headline"]
        assert mean == pytest.approx(next(one["value"] for one in entries if one["name"] == "Subject accuracy"))
        slider = page.get_by_label("Subject threshold")
        slider.focus()
        page.keyboard.press("Home")
        assert page.locator('[data-key="mean.recall"]').inner_text().startswith("100.00")
        page.emulate_media(media="print")
        assert page.locator('[data-output="subject_threshold"]').inner_text() == "0"
        assert not page.get_by_role("button", name="Reset").is_visible()


def test_the_index_says_the_answers_and_draws_the_headline(visit, smoke_study):
    with visit("index") as page:
        glance = page.locator(".glance").inner_text()
        assert answer(smoke_study, "04_five_fold_training") in glance
        assert answer(smoke_study, "05_subject_diagnosis") in glance
        numbers = [entry for name in REPORTS for entry in result(smoke_study, name)["headline"]]
        assert page.locator("table.headline td.ours").count() == len(numbers)
        # A network that calls no subject positive has no precision to draw; the paper's stands there all the same.
        entries = [entry for entry in numbers if entry["unit"] == "%" and entry["paper"]]
        ours = [entry for entry in entries if entry["value"] is not None]
        assert page.locator(".whisker circle").count() == len(ours) > 10
        assert page.locator(".whisker path").count() == len(entries)


@pytest.mark.parametrize("name", EVERY_PAGE)
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
        assert page.locator(".card img").count() == len(REPORTS) - 1  # the smoke study has no other cohort to draw


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
    page.goto(evil.as_uri(), timeout=PATIENCE_MS)
    assert page.title().startswith("Study report")
    page.close()
