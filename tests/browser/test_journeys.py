"""Three people, from sign-in to the act that matters, in a real browser; every page they pass is looked at by axe."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn, keep, serious

pytestmark = pytest.mark.browser
_PAGES = {
    "ana": (
        "/incidents",
        "/incidents/26-0001",
        "/incidents/26-0001/pourquoi",
        "/incidents/26-0001/autour",
        "/recherche?text=webshell",
        "/masquages",
        "/continuite",
        "/echeances",
    ),
    "ali": ("/regles", "/regles?state=quiet", "/regles/722ce955-b4f6-4d02-862b-d6953d3b4e03"),
    "maud": ("/continuite", "/indicateurs", "/consultations"),
    "remi": ("/incidents", "/continuite"),
}


def table_row(page: Page, number: str) -> None:
    """Open an incident from the queue."""
    page.goto("/incidents")
    page.get_by_role("link", name=re.compile(number)).click()


def test_the_analyst_takes_up_comments_mutes_and_closes(sign_in: SignIn) -> None:
    """08:00: the gravest first, its story, a comment, a decision, and what need not be shown."""
    page = sign_in("ana")
    expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    keep(page, "analyst-queue")
    first = page.locator("table.queue tbody tr").first
    expect(first).to_contain_text("Critique")
    first.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Ce qui s’est passé")).to_be_visible()
    expect(page.get_by_role("heading", name="Ce qui est inhabituel")).to_be_visible()
    page.get_by_role("link", name="Qu’ont-ils fait d’autre").click()
    expect(page.get_by_role("heading", name=re.compile("Ce qu’ils ont fait d’autre"))).to_be_visible()
    keep(page, "analyst-incident")
    page.get_by_role("button", name="Je prends").click()
    page.locator(".tasks input[type=checkbox]").first.check()
    page.get_by_role("button", name="Cocher").click()
    expect(page.locator(".tasks").get_by_text("☑").first).to_be_visible()
    page.get_by_label("Ce que les autres doivent savoir").fill("Vu avec l’astreinte.")
    page.get_by_role("button", name="Ajouter le commentaire").click()
    expect(page.get_by_text("Vu avec l’astreinte.")).to_be_visible()
    page.locator("#a-status").select_option("closed")
    page.locator("#a-verdict").select_option("true-positive")
    page.locator("#a-reason").fill("Attaque confirmée, poste isolé.")
    page.locator("form[action$='/status'] button").click()
    expect(page.locator(".status-closed").first).to_be_visible()
    keep(page, "analyst-closed")


def test_the_analyst_sees_what_a_mute_would_have_hidden_before_making_it(sign_in: SignIn) -> None:
    """A preview first; then the mute stands in the list with who, why and until when, and can be ended."""
    page = sign_in("ana")
    page.goto("/incidents")
    page.locator("table.queue tbody tr").last.get_by_role("link").click()
    page.locator("a[href$='/masquer']").first.click()
    page.locator("#m-reason").fill("Scanner de la DSI, changement 4512.")
    page.locator("button[value=preview]").click()
    keep(page, "analyst-mute-preview")
    page.locator("button[value=save]").click()
    page.goto("/masquages")
    expect(page.get_by_text("Scanner de la DSI, changement 4512.").first).to_be_visible()
    keep(page, "analyst-mutes")
    page.locator("form[action$='/lever'] button").first.click()
    expect(page.locator("form[action$='/lever']")).to_have_count(0)


def test_the_author_finds_a_noisy_rule_and_lets_it_rest(sign_in: SignIn) -> None:
    """From what fired most to why it rests, and back."""
    page = sign_in("ali")
    page.goto("/regles?state=firing")
    keep(page, "author-rules")
    page.locator("table.queue tbody a").first.click()
    page.get_by_label("Pourquoi").fill("Bruit du nouveau scanner, en cours de réglage.")
    page.get_by_role("button", name="Mettre au repos").click()
    expect(page.locator(".notice").get_by_text("Bruit du nouveau scanner")).to_be_visible()
    keep(page, "author-rule")
    page.get_by_role("button", name="Remettre en marche").click()
    expect(page.get_by_role("button", name="Mettre au repos")).to_be_visible()


def test_the_manager_says_paper_opens_a_deadline_and_closes_it(sign_in: SignIn) -> None:
    """The board, somebody's word, the legal delay of one commune, its proof."""
    page = sign_in("maud")
    page.goto("/continuite")
    keep(page, "manager-board")
    page.locator("#s-service").select_option("ec-naissances")
    page.locator("#s-state").select_option("paper")
    page.get_by_label("Ce qui est constaté").fill("Actes dressés à la main depuis 8 h.")
    page.get_by_role("button", name="Le dire").click()
    expect(page.locator("ul.plain").get_by_text("Actes dressés à la main depuis 8 h.")).to_be_visible()
    page.goto("/echeances")
    page.locator("#c-kind").select_option("cnil-72h")
    page.locator("#c-moment").fill("2026-11-18T23:40")
    page.locator("#c-person").fill("Mme Roy")
    page.get_by_role("button", name="Ouvrir", exact=True).click()
    expect(page.get_by_text("Mme Roy").first).to_be_visible()
    keep(page, "manager-deadlines")
    page.get_by_label("Numéro du récépissé ou de l’acte").first.fill("récépissé 2026-77")
    page.get_by_role("button", name="Clore").first.click()
    expect(page.get_by_label("Numéro du récépissé ou de l’acte")).to_have_count(0)


def test_a_commune_s_own_eye_sees_its_commune_and_nothing_else(sign_in: SignIn) -> None:
    """Another commune's name does not even occur."""
    page = sign_in("remi")
    for path in ("/incidents?scope=all", "/continuite", "/echeances"):
        page.goto(path)
        for other in ("Quelvain", "Saint-Aubrec", "Corvigny"):
            expect(page.locator("main")).not_to_contain_text(other)
    keep(page, "referent-board")


@pytest.mark.parametrize(("login", "path"), [(login, path) for login, paths in _PAGES.items() for path in paths])
def test_no_page_has_a_serious_barrier(sign_in: SignIn, login: str, path: str) -> None:
    """Axe finds nothing serious, on a desk and on a telephone, where nothing sticks out either."""
    for width in (1200, 360):
        page = sign_in(login, width=width, height=800)
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_sign_in_page_has_no_barrier(chromium, address: str) -> None:  # noqa: ANN001 - a browser
    """The first page anybody meets."""
    page = chromium.new_page(base_url=address)
    page.goto("/connexion")
    assert serious(page) == []
    keep(page, "sign-in")
    page.close()
