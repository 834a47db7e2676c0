"""What `make env` installs, and with which settings."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from binder.missing import missing, normalised
from tools.install import pip_settings, uv_environment

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {name: (ROOT / f"requirements{name}.lock").read_text(encoding="utf-8") for name in ("", "-dev", "-uv")}
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+?)(?: ; (.*?))? \\$", re.MULTILINE)


def pins(lock):
    return set(PIN.findall(LOCKS[lock]))


def test_a_run_gets_the_versions_that_were_tested():
    assert pins("") < pins("-dev")


def test_tools_for_developers_are_not_installed_for_a_run():
    run, everything = ({name for name, *_ in pins(lock)} for lock in ("", "-dev"))
    assert {"torch", "papermill", "voila"} <= run
    assert {"pytest", "ruff", "mypy", "monai", "playwright", "hypothesis"} <= everything - run


def test_one_uv_is_pinned():
    assert [name for name, *_ in pins("-uv")] == ["uv"]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash_and_no_lock_an_address(lock):
    text = LOCKS[lock]
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) == len(PIN.findall(text)) > 0
    assert all("--hash=sha256:" in package for package in packages)
    assert not re.search(r"://|^-", text, re.MULTILINE)


def test_a_setting_that_is_not_written_as_pip_does_is_left_to_pip():
    assert pip_settings("global.timeout=60 seconds\nglobal.proxy='http://p'") == {"proxy": "http://p"}


def test_pip_settings_of_a_command_go_before_general_ones_and_variables_before_both():
    listing = (
        ":env:.index-url='https://env'\n"
        ":env:.default-timeout='180'\n"
        "download.index-url='https://download'\n"
        "global.index-url='https://global'\n"
        "global.extra-index-url='https://a\\nhttps://b'\n"
        "global.cert='/general.pem'\n"
        "install.cert='/install.pem'\n"
        "install.index-url='https://install'\n"
    )
    assert pip_settings(listing) == {
        "index-url": "https://env", "timeout": "180", "extra-index-url": "https://a\nhttps://b", "cert": "/install.pem",
    }  # fmt: skip


def test_uv_gets_the_settings_of_pip():
    settings = {
        "index-url": "https://user:secret@mirror/simple", "extra-index-url": "https://a\nhttps://b",
        "find-links": "/wheels /more", "trusted-host": "mirror other", "timeout": "180", "cert": "/ca.pem",
        "client-cert": "/me.pem", "proxy": "proxy:3128", "no-color": "1",
    }  # fmt: skip
    environment = uv_environment(settings, {"PATH": "/bin"})
    assert {name: environment[name] for name in environment if name not in ("PATH", "UV_PYTHON_DOWNLOADS")} == {
        "UV_DEFAULT_INDEX": "https://user:secret@mirror/simple", "UV_INDEX": "https://a https://b",
        "UV_FIND_LINKS": "/wheels,/more", "UV_INSECURE_HOST": "mirror other", "UV_HTTP_TIMEOUT": "180",
        "SSL_CERT_FILE": "/ca.pem", "SSL_CLIENT_CERT": "/me.pem", "ALL_PROXY": "proxy:3128",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }  # fmt: skip


def test_what_is_set_for_uv_already_stays():
    given = {"UV_INDEX_URL": "https://own", "SSL_CERT_FILE": "/own.pem", "UV_INDEX_STRATEGY": "first-index"}
    environment = uv_environment({"index-url": "https://mirror", "cert": "/ca.pem"}, given)
    assert {name: environment[name] for name in given} == given
    assert "UV_DEFAULT_INDEX" not in environment
    assert environment["UV_PYTHON_DOWNLOADS"] == "never"


def test_binder_installs_what_its_environment_lacks_and_nothing_for_gpus():
    entries = list(missing(LOCKS[""], {"torch", "torchvision", "numpy", "setuptools"}))
    names = [entry.partition("==")[0] for entry in entries]
    kept = [name for name, *_ in PIN.findall(LOCKS[""]) if not re.match("torch|numpy|nvidia-|cuda-", name)]
    assert names == kept
    assert all("--hash=sha256:" in entry for entry in entries)
    assert normalised("Jupyter_Core.Ext") == "jupyter-core-ext"


def test_the_container_prepares_its_folder_and_passes_every_argument_on(tmp_path):
    study, tools = tmp_path / "study", tmp_path / "bin"
    for folder in (study, tools):
        folder.mkdir()
    (tools / "sijstudy").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tools / "sijstudy").chmod(0o755)
    (line,) = re.findall(r"^ENTRYPOINT (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    words = [*json.loads(line), "run", "-p", "profile", "two words"]
    environment = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    for _ in range(2):  # also in a folder that an earlier container has prepared
        done = subprocess.run(words, cwd=study, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "run|-p|profile|two words|"
    assert {path.name for path in study.iterdir()} == {"data", "runs", "reports", "data_manifest", "notebooks"}
    assert str((study / "notebooks").readlink()) == "/opt/sijstudy/notebooks"
