r"""CEF headers and extensions are read with their escapes, labels and blanks."""

import polars as pl
import pytest

from correlator.parse.formats import cef


def _one(text: str, **options: object) -> dict[str, str]:
    """Return the fields of one record that are not null."""
    row = cef.split(pl.Series([text]), **options).to_dicts()[0]  # type: ignore[arg-type]
    return {key: value for key, value in row.items() if value is not None}


def _extension(text: str) -> dict[str, str]:
    """Return the extension fields of a record."""
    return {key: value for key, value in _one(f"CEF:0|V|P|1|id|name|5|{text}").items() if key not in cef.HEADER}


def test_header() -> None:
    r"""The seven fields are unescaped; ``CEF: 0`` with a blank and a missing extension are read too."""
    assert _one(r"<134>x CEF: 0|Ex\|am|Ga\\te|1.0|100|Login failed|High") == {
        "cef.version": "0",
        "cef.device_vendor": "Ex|am",
        "cef.device_product": r"Ga\te",
        "cef.device_version": "1.0",
        "cef.signature_id": "100",
        "cef.name": "Login failed",
        "cef.severity": "High",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("src=192.0.2.1 msg=two words dpt=443", {"src": "192.0.2.1", "msg": "two words", "dpt": "443"}),
        (r"cs1=a \= b act=x|y", {"cs1": "a = b", "act": "x|y"}),
        (r"msg=one\ntwo filePath=C:\\new\\r.txt", {"msg": "one\ntwo", "filePath": r"C:\new\r.txt"}),
        ("suser= duser=x ", {"suser": "", "duser": "x"}),
        ("src=1 src=2", {"src": "2"}),
        ("cs1Label=Policy cs1=Mairie A", {"Policy": "Mairie A"}),
        ("cn1=7 cn1Label=Host ID", {"Host ID": "7"}),
        ("cs2=x cs2Label=act act=blocked", {"cs2": "x", "cs2Label": "act", "act": "blocked"}),
        ("cs3=alone cs4Label=empty", {"cs3": "alone"}),
        ("msg=failed user=bob name=x act=deny", {"msg": "failed user=bob name=x", "act": "deny"}),
        ("fileid=1 siteid=2 VendorKey=3", {"fileid": "1", "siteid": "2", "VendorKey": "3"}),
        ("a.b=1 c[0]=2 d-e=3", {"a.b": "1", "c[0]": "2", "d-e": "3"}),
        ("msg=\x01src\x02evil", {"msg": " src evil"}),
        ("", {}),
    ],
)
def test_extension(text: str, expected: dict[str, str]) -> None:
    """Values hold blanks, pipes and escaped signs; labels name custom fields unless they would replace a real key."""
    assert expected == _extension(text)


def test_rows_stay_apart() -> None:
    """What is no CEF is all nulls, and neither takes from nor gives to its neighbours."""
    rows = cef.split(pl.Series(["CEF:0|V|P|1|i|n|5|cs1=a cs1Label=L", "noise", None, "CEF:0|V|P|1|i|n|5|cs1=b"]))
    assert rows.get_column("L").to_list() == ["a", None, None, None]
    assert rows.get_column("cs1").to_list() == [None, None, None, "b"]
    assert rows.get_column("cef.name").to_list() == ["n", None, None, "n"]


def test_need_and_want() -> None:
    """Needed columns always exist; wanted ones appear under their label; the rest is left out."""
    found = _one("CEF:0|V|P|1|i|n|5|src=1 dst=2 cs1=a cs1Label=L", need=("src",), want={"L"})
    assert {key for key in found if key not in cef.HEADER} == {"src", "L"}
    assert cef.split(pl.Series(["noise"]), need=("src",)).columns == [*cef.HEADER, "src"]
