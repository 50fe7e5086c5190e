"""URLs and request targets fall apart into the parts rules and people look at."""

import polars as pl
import pytest

from correlator.parse.formats.urls import parts


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "http://www.Example.org:8080/a/b.EXE?x=1?y",
            {"scheme": "http", "host": "www.example.org", "port": 8080, "path": "/a/b.EXE", "query": "x=1?y",
             "extension": "exe", "target": "/a/b.EXE?x=1?y"},
        ),
        ("/a?b", {"path": "/a", "query": "b", "target": "/a?b"}),
        ("/%2e%2e/x", {"path": "/%2e%2e/x", "target": "/%2e%2e/x"}),
        ("host.example:443", {"host": "host.example", "port": 443, "target": ""}),
        ("https://[2001:db8::1]:8443/", {"scheme": "https", "host": "2001:db8::1", "port": 8443, "path": "/", "target": "/"}),
        ("http://user:pw@h.example/", {"scheme": "http", "host": "h.example", "path": "/", "target": "/"}),
        ("http://h.example?x", {"scheme": "http", "host": "h.example", "query": "x", "target": "?x"}),
        ("/a/b.tar.gz", {"path": "/a/b.tar.gz", "extension": "gz", "target": "/a/b.tar.gz"}),
    ],
)  # fmt: skip
def test_parts(url: str, expected: dict[str, object]) -> None:
    """Nothing is decoded; what is absent is null."""
    row = pl.DataFrame({"url": [url]}).select(**parts(pl.col("url"))).to_dicts()[0]
    assert expected == {name: value for name, value in row.items() if value is not None}
