"""The demonstration in a real browser: Debian's Chromium, driven by playwright, looked at by axe."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from correlator.api.demonstration import PASSWORD, demonstration
from correlator.api.server import console_service
from correlator.cli.demo import play
from correlator.harness.demo.generator import ESTATE
from correlator.harness.demo.stage import morning_clock
from correlator.runtime.front import serving

_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_SERIOUS = {"serious", "critical"}
SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return the system's browser."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Play the demonstration once, serve it on a free port, and return its address."""
    folder = tmp_path_factory.mktemp("demo")
    clock = morning_clock()
    play(folder, seed=9, scale=0.2, form="json", clock=clock)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    install = demonstration(folder / "store", ESTATE, port, clock)
    with serving([console_service(install, listening)]):
        yield f"http://127.0.0.1:{port}"
    install.engine.dispose()


@pytest.fixture
def sign_in(chromium: Browser, address: str) -> Iterator[SignIn]:
    """Return what signs a person in and gives their page; errors that the browser tells fail the test."""
    said: list[str] = []
    contexts = []

    def signed_in(login: str, *, width: int = 1200, height: int = 900) -> Page:
        context = chromium.new_context(base_url=address, viewport={"width": width, "height": height}, locale="fr-FR")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(_told(message)) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto("/connexion")
        page.get_by_label("Identifiant").fill(login)
        page.get_by_label("Mot de passe").fill(PASSWORD)
        page.get_by_role("button", name="Se connecter").click()
        page.wait_for_url("**/*")
        return page

    yield signed_in
    for context in contexts:
        context.close()
    assert said == []


def _told(message: ConsoleMessage) -> str:
    return f"{message.location.get('url', '')}: {message.text}"


def serious(page: Page) -> list[str]:
    """Return the serious violations of accessibility that axe finds on the page, each with where."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in _SERIOUS]


def keep(page: Page, name: str) -> None:
    """Keep a screenshot where TOCSIN_SHOTS says; nowhere without it."""
    folder = os.environ.get("TOCSIN_SHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
