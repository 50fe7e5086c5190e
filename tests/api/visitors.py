"""What tests of the console share: a password, a form filled as a browser does it."""

import re
from collections.abc import Callable

import httpx

PASSWORD = "cheval-agrafe-pile-9"  # noqa: S105 - of invented people in a test
Browser = Callable[[str], httpx.Client]


def sign_in(client: httpx.Client, login: str, password: str, **more: str) -> httpx.Response:
    """Fill the form as a browser does, and return the answer."""
    token = token_of(client.get("/connexion").text)
    return client.post("/connexion", data={"login": login, "password": password, "csrf": token, **more})


def token_of(page: str) -> str:
    """Return the token in the first form of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page[:500]
    return found[1]
