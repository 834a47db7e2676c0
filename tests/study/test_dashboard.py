"""The dashboard: which run it opens, and its page moved by mouse and keyboard in a real browser."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from browsing import severe
from patience import PATIENCE, PATIENCE_MS, wait_until

from sijstudy import cli
from sijstudy.errors import StudyError
from sijstudy.study import dashboard

PROJECT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def project(tmp_path):
    shutil.copytree(PROJECT / "notebooks", tmp_path / "notebooks")
    return tmp_path


def test_a_missing_run_is_one_line_and_status_2(project, capsys):
    assert cli.main(["dashboard", "--profile", "smoke", "--root", str(project), "--no-browser"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "run the study first: sijstudy run --profile smoke" in error


def test_an_unknown_profile_names_the_known_ones(project):
    with pytest.raises(StudyError, match="known here: paper, quick, smoke"):
        dashboard.open_run("nix", project)


def test_a_run_that_has_not_come_to_the_predictions_is_missing_too(project):
    (project / "runs/smoke/tables").mkdir(parents=True)
    (project / "runs/smoke/tables/predictions_roi.csv").write_text("fold\n")
    with pytest.raises(StudyError, match="run the study first"):
        dashboard.open_run("smoke", project)


def test_a_port_in_use_is_said_or_avoided():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StudyError, match=f"port {port} is in use"):
            dashboard._free_port(port, search=False)
        assert dashboard._free_port(port, search=True) != port


def test_the_page_in_the_notebook_says_what_is_missing(project, monkeypatch, capsys):
    shown = []
    monkeypatch.chdir(project / "notebooks/live")
    monkeypatch.setenv(dashboard.PROFILE, "smoke")
    monkeypatch.setattr(dashboard, "display", shown.append)
    dashboard.show_dashboard()
    assert len(shown) == 1
    assert "run the study first" in shown[0].data


@pytest.mark.notebooks
def test_a_finished_run_is_opened_with_the_parameters_it_had(smoke_study):
    work = dashboard.open_run("smoke", smoke_study.root)
    assert (work.config.profile, work.config.epochs, work.config.patch_size) == ("smoke", 2, 64)


@pytest.fixture(scope="module")
def address(smoke_study):
    """The dashboard on the smoke study, served as a user would."""
    with served(smoke_study.root) as (server, port):
        yield f"http://127.0.0.1:{port}/"
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=PATIENCE) == 0


@contextlib.contextmanager
def served(root, before="pass"):
    """The server's process and its port, which answers; killed at the end if it is still there."""
    port = free_port()
    code = f"import sys; from sijstudy.cli import main; {before}; sys.exit(main(sys.argv[1:]))"
    server = subprocess.Popen(
        [sys.executable, "-c", code, "dashboard", "--profile", "smoke", "--port", str(port), "--no-browser"],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        # a shell starts what it sends to the background with SIGINT ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        assert server.stdout.readline() == (
            f"Dashboard: http://127.0.0.1:{port}/  (the first page takes some seconds; Ctrl-C ends it)\n"
        )
        _wait_for(port, server)
        yield server, port
    finally:
        server.kill()  # its kernels end by themselves then
        server.wait()


# The notebook's code, and what of it is seen when the signal comes; without, the kernel has only been started.
LOADING = {
    signal.SIGINT: ("", None),
    signal.SIGTERM: ("import pathlib, time; pathlib.Path('started').touch(); time.sleep(600)", "started"),
}


@pytest.mark.parametrize("number", LOADING, ids=lambda number: number.name)
def test_a_server_that_is_ended_while_a_page_loads_leaves_no_kernel(project, number):
    code, seen = LOADING[number]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, project / dashboard.NOTEBOOK)
    no_run_needed = "from sijstudy.study import dashboard; dashboard.open_run = lambda *_: None"
    with served(project, no_run_needed) as (server, port):
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            visitor.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            kernels = wait_until(psutil.Process(server.pid).children, "a kernel", lambda: server.poll() is None)
            if seen:
                wait_until(lambda: list(project.rglob(seen)), "the notebook's code", lambda: server.poll() is None)
            server.send_signal(number)
            said, _ = server.communicate(timeout=PATIENCE)
        _, alive = psutil.wait_procs(kernels, timeout=PATIENCE)
    assert (server.returncode, said, alive) == (0, "", [])


def _wait_for(port, server):
    def answers():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def alive():
        assert server.poll() is None, server.stdout.read()
        return True

    wait_until(answers, "the dashboard's answer", alive)


@pytest.fixture(scope="module")
def page(browser, address):
    """The open dashboard; at the end nothing may have gone wrong, and no other host been asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 1100})
    context.set_default_timeout(PATIENCE_MS)
    asked, complaints = [], []
    context.on("request", lambda request: asked.append(request.url))
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(address)
    opened.locator('[data-number="subject-accuracy"]').wait_for()
    yield opened
    context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert complaints == []


def handle(page, label):
    """The handle of the slider with this label."""
    row = page.locator(".widget-inline-hbox").filter(has=page.get_by_text(label, exact=True))
    return row.locator(".noUi-handle")


def sources(page):
    return page.locator(".sij img:visible").evaluate_all("(images) => images.map((image) => image.src)")


def settled(page, suffix=""):
    """Wait until the panel has answered what its sliders' readouts say; returns all pictures."""
    page.wait_for_function(
        "(suffix) => { const seen = (name) => [...document.querySelectorAll(name)].filter((one) => one.offsetParent);"
        " const state = seen('.sij .widget-readout').map((one) => one.innerText.trim()).join(' ') + suffix;"
        " return seen('.sij [data-state]').map((one) => one.dataset.state).join() === state; }",
        arg=suffix,
    )  # fmt: skip
    page.wait_for_function("() => [...document.querySelectorAll('.sij img')].every((image) => image.complete)")
    return sources(page)


def drag(page, handle, pixels):
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x + pixels * step / 5, y)
    page.mouse.up()


@pytest.mark.browser
@pytest.mark.notebooks
def test_a_dragged_slider_changes_pictures_and_numbers(page):
    page.get_by_text("Move the thresholds").click()
    number, table = page.locator('[data-number="slice-accuracy"]'), page.locator(".sij .scroll table")
    before, verdict, rows = settled(page), number.inner_text(), table.inner_text()
    assert len(before) == 4
    drag(page, handle(page, "Slice threshold"), -130)
    after = settled(page)
    assert [new != old for new, old in zip(after, before, strict=True)] == [True, True, True, True]
    assert table.inner_text() != rows
    page.get_by_text("Back to the study's settings").click()
    page.wait_for_function("(old) => document.querySelector('.sij img').src === old", arg=before[0])
    assert settled(page) == before
    assert number.inner_text() == verdict


@pytest.mark.browser
@pytest.mark.notebooks
def test_a_slider_is_moved_by_keyboard(page):
    page.get_by_text("Move the thresholds").click()
    before = settled(page)
    handle(page, "Subject threshold").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    after = settled(page)
    assert [new != old for new, old in zip(after, before, strict=True)] == [False, False, False, True]
    assert page.locator(".widget-readout:visible").all_inner_texts()[2] == "0.60"
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert settled(page) == before


@pytest.mark.browser
@pytest.mark.notebooks
def test_a_slice_its_patch_and_its_map_are_shown_and_redrawn(page):
    page.get_by_text("Look at a slice").click()
    page.locator('[data-number="score"]').wait_for()
    before = settled(page)
    assert len(before) == 3
    drag(page, handle(page, "ROI factor"), -80)
    narrow = settled(page)
    assert all(new != old for new, old in zip(narrow, before, strict=True))
    assert "Outside what this network was trained on" in page.locator(".sij .mind:visible").last.inner_text()
    page.get_by_text("Noise, as in training and test").click()
    quiet = settled(page, " quiet")
    assert [new != old for new, old in zip(quiet, narrow, strict=True)] == [False, True, True]
    handle(page, "Slice number").focus()
    page.keyboard.press("ArrowRight")
    assert settled(page, " quiet")[0] != quiet[0]


@pytest.mark.browser
@pytest.mark.notebooks
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_is_no_wider_than_its_window(page, width):
    page.set_viewport_size({"width": width, "height": 1100})
    for tab in ("Look at a slice", "Move the thresholds"):
        page.get_by_text(tab).click()
        page.wait_for_timeout(300)
        page.wait_for_function("(width) => document.documentElement.scrollWidth <= width", arg=width)
    assert all(page.locator(".sij img").evaluate_all("(images) => images.map((image) => image.alt.trim())"))


@pytest.mark.browser
@pytest.mark.notebooks
def test_axe_finds_nothing_serious(page):
    for tab, number in (("Look at a slice", "score"), ("Move the thresholds", "slice-accuracy")):
        page.get_by_text(tab).click()
        page.locator(f'[data-number="{number}"]').wait_for()
        assert severe(page) == []
