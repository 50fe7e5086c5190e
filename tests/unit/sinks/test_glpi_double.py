"""The double of GLPI, driven by the independent client ``glpi-api``: what that client expects of a real GLPI holds for it."""

from collections.abc import Iterator
from pathlib import Path

import glpi_api
import pytest

from tests.doubles.glpi import FakeGlpi, serving


@pytest.fixture(params=["10.0.18", "11.0.2"])
def glpi(request: pytest.FixtureRequest) -> Iterator[FakeGlpi]:
    """Return a running double of each version."""
    with serving(FakeGlpi(version=request.param)) as running:
        yield running


def test_an_independent_client_gets_on_with_it(glpi: FakeGlpi, tmp_path: Path) -> None:
    """Sign in, add, search by uid, follow up, upload, update, end."""
    with glpi_api.connect(glpi.url, glpi.app_token, glpi.user_token) as client:
        assert [one["id"] for one in client.get_my_entities()] == [0, 3, 4]
        (made,) = client.add("Ticket", {"name": "[a:1] t", "content": "<p>x</p>", "entities_id": 3, "externalid": "a:1"})
        criteria = [{"field": "name", "searchtype": "contains", "value": "[a:1]"}]
        assert client.search("Ticket", criteria=criteria, forcedisplay=["id"]) == [{"2": made["id"]}]
        follow_up = {"itemtype": "Ticket", "items_id": made["id"], "content": "vu"}
        client.add("ITILFollowup", follow_up)
        assert [one["content"] for one in client.get_sub_items("Ticket", made["id"], "ITILFollowup")] == ["vu"]
        assert client.update("Ticket", {"id": made["id"], "status": 2}) == [{str(made["id"]): True, "message": ""}]
        assert client.get_item("Ticket", made["id"])["status"] == 2
        path = tmp_path / "a.txt"
        path.write_text("x")
        assert client.upload_document("a.txt", str(path))["id"] == 1
        assert (
            "Ticket.externalid"
            in {one.get("uid") for one in client.list_search_options("Ticket").values() if isinstance(one, dict)}
        ) == (glpi.version.startswith("11"))
    assert glpi.sessions == {}


def test_partial_failures_and_wrong_tokens(glpi: FakeGlpi) -> None:
    """207 with the whole collection; a wrong token is an error by name."""
    with glpi_api.connect(glpi.url, glpi.app_token, glpi.password) as client:
        told = client.add("Ticket", {"name": "a", "entities_id": 0}, {"name": "b", "entities_id": 99})
        assert [bool(one["id"]) for one in told] == [True, False]
        with pytest.raises(glpi_api.GLPIError, match="ERROR_GLPI_ADD"):
            client.add("Ticket", {"name": "b", "entities_id": 99})
    with pytest.raises(glpi_api.GLPIError, match="ERROR_GLPI_LOGIN_USER_TOKEN"):
        glpi_api.GLPI(glpi.url, glpi.app_token, "wrong")
    with pytest.raises(glpi_api.GLPIError, match="ERROR_WRONG_APP_TOKEN_PARAMETER"):
        glpi_api.GLPI(glpi.url, "wrong", glpi.user_token)
