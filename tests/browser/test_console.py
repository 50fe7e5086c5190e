"""The console in a real browser: nothing wider than a phone, nothing from elsewhere, live, by keyboard, without scripts."""

import pytest
from playwright.sync_api import Browser, expect

from correlator.api.demonstration import PASSWORD
from tests.browser.conftest import SignIn, serious

pytestmark = pytest.mark.browser
PAGES = (
    "/incidents",
    "/incidents?text=nothing-has-this-name",
    "/incidents/26-0001",
    "/incidents/26-0004/masquer",
    "/recherche?text=198.51.100",
    "/masquages",
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_and_asks_nobody_else(sign_in: SignIn, address: str, path: str) -> None:
    """360 pixels wide without scrolling sideways; no serious barrier there; every request goes to our own server."""
    page = sign_in("ana", width=360, height=740)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert serious(page) == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_timeline_is_drawn(sign_in: SignIn) -> None:
    """ECharts works under a policy without inline styles and eval; the table beside it says the same."""
    page = sign_in("ana")
    page.goto("/incidents/26-0001")
    expect(page.locator("#timeline canvas")).to_have_count(1)
    expect(page.locator("section[aria-labelledby=when] tbody tr")).not_to_have_count(0)


def test_the_queue_follows_what_happens(sign_in: SignIn) -> None:
    """Somebody acknowledges an incident; another's list shows it without a click, and the focus stays where it was."""
    watching, acting = sign_in("ana"), sign_in("ana")
    watching.goto("/incidents")
    acting.goto("/incidents/26-0006")
    watching.focus("#i-26-0001")
    acting.select_option("#a-status", "acknowledged")
    acting.click("text=Enregistrer l’état")
    row = watching.locator("tr", has=watching.locator("#i-26-0006"))
    expect(row).to_contain_text("Pris en compte", timeout=15_000)
    assert watching.evaluate("document.activeElement.id") == "i-26-0001"


def test_j_and_k_walk_the_list(sign_in: SignIn) -> None:
    """Down, up, and Enter opens."""
    page = sign_in("ana")
    page.goto("/incidents")
    links = [one.get_attribute("id") for one in page.locator("td.what a").all()]
    page.focus(f"#{links[0]}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == links[1]
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/26-*")


def test_filters_change_rows_and_address(sign_in: SignIn) -> None:
    """The address can be sent to a colleague."""
    page = sign_in("ana")
    page.goto("/incidents")
    page.select_option("#f-level", "critical")
    page.wait_for_url("**level=critical**")
    expect(page.locator("#queue tbody tr .sev-high")).to_have_count(0)
    expect(page.locator("#queue tbody tr .sev-critical")).not_to_have_count(0)


def test_it_works_without_scripts(chromium: Browser, address: str) -> None:
    """Sign in, filter, acknowledge: links and forms only."""
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/incidents")
    page.fill("#login", "ana")
    page.fill("#password", PASSWORD)
    page.click("button.main")
    page.fill("#f-text", "26-0006")
    page.click("form.filters button")
    page.click("#i-26-0006")
    page.select_option("#a-status", "in progress")
    page.click("text=Enregistrer l’état")
    expect(page.locator(".facts .status")).to_have_text("En cours")
    context.close()
