import base64
import hashlib
import io
import math
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from number_samples import entry
from PIL import Image
from toy_study import PIXELS

from sijstudy.config import StudyConfig
from sijstudy.headline import ONE, POINTS, Published
from sijstudy.study.cells import notebook_title
from sijstudy.study.execution import Failure
from sijstudy.study.index import Card, Index, headline_row, render_index, thumbnail
from sijstudy.study.page import Page, duration, render_report

EVIL = "<script>alert(1)</script>"
PAGE = Page("01_toy", "quick")


def picture(width=800, height=400, dpi=None):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(stream, "PNG", **({"dpi": (dpi, dpi)} if dpi else {}))
    return base64.b64encode(stream.getvalue()).decode()


def shown(*data, **metadata):
    """A code cell with a display_data output per mapping in ``data``."""
    outputs = [new_output("display_data", data=one, metadata=metadata.get("metadata", {})) for one in data]
    return new_code_cell("show()", outputs=outputs)


def render(*cells, page=PAGE, **metadata):
    return render_report(new_notebook(cells=list(cells), metadata=metadata), page)


def test_no_address_is_ever_loaded():
    text = render(new_markdown_cell("# T"), shown({"image/png": picture()}), new_code_cell("1"))
    for address in re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]*)""", text):
        assert address.startswith(("data:", "#")) or address == "index.html"
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_forbids_every_request_and_every_script_but_ours():
    text = render(new_markdown_cell("# T"))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_title_and_contents_come_from_the_headings():
    text = render(
        new_markdown_cell("# Five *folds*\n\nWords."),
        new_markdown_cell("## Result\n\n### Deeper\n\n#### Too deep"),
        new_markdown_cell("## Result"),
    )
    assert re.findall(r"<h1>(.*?)</h1>", text) == ["Five folds"]
    assert re.findall(r'<li[^>]*><a href="#([^"]+)">([^<]+)</a>', text) == [
        ("result", "Result"), ("deeper", "Deeper"), ("result-2", "Result"),
    ]  # fmt: skip
    anchors = re.findall(r'id="([^"]+)"', text)
    assert len(anchors) == len(set(anchors))


def test_code_is_folded_and_escaped():
    text = render(new_code_cell(f"x = '{EVIL}'"))
    assert '<details class="code"><summary>Show code</summary>' in text
    assert EVIL not in text
    assert 'id="toggle-code"' in text


def test_figures_keep_their_alternative_text_and_natural_width():
    text = render(shown({"image/png": picture(1360, 600, 170)}, metadata={"image/png": {"alt": f'"{EVIL}" & co'}}))
    assert f'alt="&#34;{"&lt;script&gt;alert(1)&lt;/script&gt;"}&#34; &amp; co"' in text
    assert 'width="768"' in text  # 8 inches at 96 CSS pixels


@pytest.mark.parametrize(
    ("data", "alt"),
    [
        ({"image/png": PIXELS, "text/plain": "A curve"}, "A curve"),
        ({"image/png": PIXELS, "text/plain": "<Figure size 640x480>"}, "Figure 1 of this report"),
        ({"image/png": PIXELS}, "Figure 1 of this report"),
        ({"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg'/>"}, "Figure 1 of this report"),
    ],
)
def test_every_figure_has_an_alternative_text(data, alt):
    assert f'alt="{alt}"' in render(shown(data))


def test_a_table_stays_and_plain_text_is_escaped():
    text = render(
        shown({"text/html": "<table class='dataframe'><tr><td>1</td></tr></table>"}), shown({"text/plain": EVIL})
    )
    assert "<table class='dataframe'>" in text
    assert EVIL not in text


def test_standard_error_and_widgets_are_left_out():
    noise = new_code_cell("x", outputs=[
        new_output("stream", name="stderr", text="progress 10%"),
        new_output("stream", name="stdout", text="10%\r20%\rready\n"),
        new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "IntSlider()"}),
    ])  # fmt: skip
    text = render(noise)
    assert "progress" not in text
    assert "IntSlider" not in text
    assert "<pre>ready\n</pre>" in text


def test_a_failure_is_set_apart_on_top_and_marked_where_it_happened():
    bad = new_code_cell("boom()", outputs=[
        new_output("stream", name="stderr", text="the reason"),
        new_output("error", ename="E", evalue="x", traceback=["\x1b[31mE\x1b[0m: " + EVIL]),
    ])  # fmt: skip
    text = render(
        new_markdown_cell("# T"), bad,
        page=Page("01", "quick", failure=Failure(f"E: {EVIL}", 1, "\x1b[31mtrace\x1b[0m")),
    )  # fmt: skip
    assert EVIL not in text
    assert text.index("This notebook stopped with an error") < text.index("boom")
    assert 'href="#failed-cell"' in text
    assert '<div class="cell failed" id="failed-cell">' in text
    assert "the reason" in text  # the failing cell's standard error helps
    assert "\x1b" not in text


def test_parameters_are_a_folded_table_in_the_studys_order():
    cell = new_code_cell("epochs = 50", metadata={"tags": ["parameters"]})
    injected = new_code_cell("epochs = 3", metadata={"tags": ["injected-parameters"]})
    text = render(
        cell,
        injected,
        papermill={"parameters": {"weights": EVIL, "epochs": 3, "seed": 2021, "scheduler": "tcp://in.house:1"}},
    )
    assert "Parameters of this run" in text
    assert "in.house" not in text  # no number depends on it
    assert re.findall(r"<tr><th>(\w+)</th><td>", text) == ["seed", "weights", "epochs"]
    assert "<td><code>3</code></td><td><code>50</code></td>" in text
    assert EVIL not in text
    assert "epochs = 3" not in text.replace('<span class="n">', "")


def test_synthetic_data_is_named():
    assert "SYNTHETIC DATA" in render(page=Page("01", "quick", synthetic=True))
    assert "SYNTHETIC DATA" not in render()


def test_headline_rows():
    row = headline_row(entry("accuracy", 92.1, 89.0, 94.5, paper=Published(93.55, "Table 2")))
    assert (row.paper, row.ours, row.interval, row.difference, row.in_points) == (
        "93.55%", "92.10%", "89.00 to 94.50", "−1.45", True,
    )  # fmt: skip
    bare = headline_row(entry("AUC", math.nan))
    assert (bare.paper, bare.ours, bare.interval, bare.difference, bare.in_points) == ("–", "–", "", "–", False)
    area = headline_row(entry("AUC", 0.981, unit=ONE, paper=Published(0.978, "section 3.1")))
    assert (area.paper, area.ours, area.difference, area.in_points) == ("0.978", "0.981", "0.003", False)
    gain = headline_row(entry("gain", -1.2, -2.0, 0.5, unit=POINTS, paper=Published(10.1, "Table 2")))
    assert (gain.paper, gain.ours, gain.interval) == ("+10.10 points", "−1.20 points", "−2.00 to 0.50")
    assert (gain.difference, gain.in_points, gain.numbers) == ("−11.30", True, {})
    assert headline_row(entry("x", 99.999, paper=Published(100.0, "Table 3"))).difference == "0.00"


def index(**changes):
    card = Card("01", EVIL, link="01.html", answer=EVIL, thumbnail="data:image/png;base64,AA==", alt=EVIL, time="2 s")
    row = headline_row(entry(EVIL, 2.0, paper=Published(1.0, EVIL)))
    values = {"cards": [card], "headline": [row], "provenance": {EVIL: EVIL}, "changed": {"seed": EVIL}} | changes
    return render_index(Index("quick", **({"synthetic": True} | values)))


def test_the_index_escapes_all_it_is_given():
    text = index(failed=EVIL, failure=EVIL, cohort=EVIL, finished=EVIL)
    assert EVIL not in text
    assert text.count("<script>") == 1  # our own


def test_the_index_says_what_the_data_are():
    assert "<strong>SYNTHETIC</strong>" in index()
    hospital = index(synthetic=False, cohort="data_manifest/clinic")
    assert "SYNTHETIC" not in hospital
    assert "data_manifest/clinic" in hospital


def test_thumbnails_are_small_copies_of_the_first_figure():
    cells = [new_code_cell("1"), shown({"image/png": picture(1600, 900)}, {"image/png": picture(10, 10)})]
    cells[1].outputs[0].metadata = {"image/png": {"alt": "first"}}
    uri, alt = thumbnail(new_notebook(cells=cells))
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as small:
        assert small.size == (640, 360)
    assert alt == "first"
    assert thumbnail(new_notebook(cells=[new_code_cell("1")])) == ("", "")


def test_the_title_falls_back_to_a_name():
    assert (
        notebook_title(new_notebook(cells=[new_markdown_cell("words\n\n# A <b>title</b> & more")]), "x")
        == "A title & more"
    )
    assert notebook_title(new_notebook(), "five fold") == "five fold"


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.2, "8 s"), (59.7, "1 min 0 s"), (252, "4 min 12 s"), (7500, "2 h 5 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_the_papers_defaults_are_marked_as_such():
    cell = new_code_cell("x", metadata={"tags": ["parameters"]})
    text = render(cell, papermill={"parameters": {"epochs": StudyConfig().epochs}})
    assert "<td>same</td>" in text


def test_the_notebook_is_not_changed():
    content = new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("1")])
    before = nbformat.writes(content)
    render_report(content, PAGE)
    assert nbformat.writes(content) == before


def test_the_title_block_opens_the_report():
    cell = new_markdown_cell("# T\n\n**Question.** Is *it* $x$?\n\nMore words.")
    page = Page("01", "quick", synthetic=True, cohort=f"toy {EVIL}", answer=f"Yes {EVIL}.")
    text = render(cell, page=page)
    head, body = text.split("</header>")
    assert "<dt>Question</dt><dd>Is <em>it</em> <math" in head
    assert "<dt>Cohort</dt><dd>toy &lt;script&gt;" in head
    assert "Synthetic: drawn by a program" in head
    assert "<dt>Answer</dt><dd>Yes &lt;script&gt;" in head
    assert EVIL not in text
    assert "Question" not in body
    assert "More words." in body


def test_a_report_with_neither_question_nor_answer_says_none():
    assert "<dt>" not in render(new_markdown_cell("# T\n\nWords."))


def test_a_page_that_would_be_too_large_holds_its_figures_in_a_smaller_format(monkeypatch):
    noise = Image.effect_noise((400, 300), 60).convert("RGB")
    stream = io.BytesIO()
    noise.save(stream, "PNG")
    figure = shown({"image/png": base64.b64encode(stream.getvalue()).decode()})
    large = render(figure)
    monkeypatch.setattr("sijstudy.study.page.SIZE_LIMIT", 50_000)
    small = render(figure)
    assert len(small) < 0.7 * len(large)
    content = base64.b64decode(re.search(r"data:image/webp;base64,([^\"]+)", small)[1])
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (400, 300)


def test_an_interval_has_the_people_behind_it():
    recall = entry("recall", 100.0, 78.5, 100.0, paper=Published(100.0, "Table 3"), people=14)
    assert "78.50 to 100.00, 14 people" in index(headline=[headline_row(recall)])
    assert " people" not in index(headline=[headline_row({**recall, "people": None})]).split("<tbody>")[1]


def test_the_headline_is_drawn_as_dots_with_whiskers():
    drawn = entry("accuracy", 92.0, 84.0, 94.5, paper=Published(93.55, "Table 2"))
    others = entry("AUC", 0.98, unit=ONE, paper=Published(0.97, "section 3.1")), entry("recall, whole", 33.0)
    text = index(headline=[headline_row(number) for number in (drawn, *others)])
    assert text.count('class="whisker"') == 1  # what is no percentage, or not the paper's, has no place on this axis
    assert 'cx="60.00%"' in text  # 92 on an axis from 80 to 100
    assert 'x1="20.00%" x2="72.50%"' in text
    assert index(headline=[]).count('class="whisker') == 0


def test_the_index_links_what_lies_beside_it_and_says_the_answers():
    text = index(documents={"checklist.html": "Reporting checklist"}, answers={"05.html": "All is well."})
    assert '<a href="checklist.html">Reporting checklist</a>' in text
    assert "<p>All is well. <a" in text
