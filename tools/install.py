"""Install a lock into the environment of the Python that runs this: with uv; with pip where uv cannot be had or fails.

``.venv/bin/python tools/install.py requirements.lock``; needs nothing but the standard library and pip.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV_LOCK = ROOT / "requirements-uv.lock"
# The lock names every package, so nothing is resolved: an older pip would otherwise trip over extras when a newer
# release appears.
LOCKED = ("--no-deps", "--require-hashes", "-r")
PACKAGE = ("--no-deps", "--no-build-isolation", "-e", str(ROOT))
# -qq keeps pip's errors and drops its warnings about the machine's own settings
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
PIP_INSTALL = (*PIP, "-qq", "install")
UV_INSTALL = (sys.executable, "-m", "uv", "--quiet", "pip", "install", "--python", sys.executable)
# pip's setting -> uv's variables for it, of which the first is set unless one of them is; what stands between values
FROM_PIP = {
    "index-url": (("UV_DEFAULT_INDEX", "UV_INDEX_URL"), " "),
    "extra-index-url": (("UV_INDEX", "UV_EXTRA_INDEX_URL"), " "),
    "find-links": (("UV_FIND_LINKS",), ","),
    "trusted-host": (("UV_INSECURE_HOST",), " "),
    "timeout": (("UV_HTTP_TIMEOUT",), " "),
    "cert": (("SSL_CERT_FILE",), " "),
    "client-cert": (("SSL_CLIENT_CERT",), " "),
    "proxy": (("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"), " "),
}
# Whatever the system lacks is said now, and the modules are left compiled, also where this is switched off for Python:
# uv compiles nothing, and each of the study's processes would do it anew. All of site-packages would take a minute.
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.dont_write_bytecode = False
import sijstudy
for module in pkgutil.walk_packages(sijstudy.__path__, "sijstudy."):
    importlib.import_module(module.name)
"""
OWN = {
    "UV_PYTHON_DOWNLOADS": "never",
    # as pip does: the lock's hashes decide, not which index is asked first
    "UV_INDEX_STRATEGY": "unsafe-best-match",
}


def pip_settings(listing: str) -> dict[str, str]:
    """What ``pip config list`` says that ``pip install`` goes by, setting -> value.

    Each line is ``section.setting='value'``; as in pip, [install] goes before [global], a PIP_ variable before both.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.partition(".")
        if section in found and value:
            try:
                found[section][name.removeprefix("default-")] = str(ast.literal_eval(value))
            except (SyntaxError, ValueError):
                continue  # not as pip writes it: uv does without, and pip is asked when uv fails
    return {**found["global"], **found["install"], **found[":env:"]}


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with pip's settings in uv's words, as uv reads none of pip's; what is set for uv stays."""
    given = {}
    for setting, ((variable, *others), between) in FROM_PIP.items():
        value = between.join(settings.get(setting, "").split())
        if value and not any(environment.get(name) for name in (variable, *others)):
            given[variable] = value
    return {**OWN, **given, **environment}


def with_uv(lock: str) -> str:
    """Install ``lock`` and the package with uv. Returns why that failed, in one line, "" when it did not."""
    bootstrap = (*PIP_INSTALL, "--only-binary", ":all:", *LOCKED, str(UV_LOCK))
    if subprocess.run(bootstrap, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        return "uv cannot be had"
    listing = subprocess.run((*PIP, "config", "list"), capture_output=True, text=True).stdout
    environment = uv_environment(pip_settings(listing), os.environ)
    for what in ((*LOCKED, lock), PACKAGE):
        done = subprocess.run((*UV_INSTALL, *what), env=environment, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            return f"uv failed ({' '.join(done.stderr.split())[:300]})"
    return ""


def with_pip(lock: str) -> int:
    """Install ``lock`` and the package with pip. Returns its exit status."""
    for what in ((*LOCKED, lock), PACKAGE):
        if status := subprocess.run((*PIP_INSTALL, *what)).returncode:
            return status
    return 0


def main(lock: str) -> int:
    """Install ``lock`` and the package, and import all of it once. Returns the exit status."""
    if reason := with_uv(lock):
        print(f"{reason}; installing with pip, which takes longer", file=sys.stderr)
        if status := with_pip(lock):
            return status
    return subprocess.run((sys.executable, "-c", IMPORT_ALL)).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
