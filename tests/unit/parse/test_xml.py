"""XML fragments: read as a forest of plain elements; what could blow up is refused."""

import polars as pl
import pytest

from correlator.parse.formats.xml import MAX_DEPTH, Element, MalformedXmlError, TooDeepError, named_data, read_elements


def test_elements_lose_their_namespaces() -> None:
    """Prefixes and xmlns attributes go, other attributes stay in both quotes."""
    text = """<e:Event xmlns:e='urn:a' xmlns="urn:b"><e:Data e:Name='x' n="1">v</e:Data></e:Event>"""
    assert read_elements(text) == (Element("Event", {}, [Element("Data", {"Name": "x", "n": "1"}, [], "v")]),)


def test_several_elements_may_stand_side_by_side() -> None:
    """Records follow each other without a root, with declarations and text between them."""
    names = [element.name for element in read_elements('<?xml version="1.0"?><a/>\n<?xml version="1.0"?> and <b/>')]
    assert names == ["a", "b"]


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("a&#xD;&#xA;&#9;b &lt;c&gt; &amp;", "a\r\n\tb <c> &"),
        ("a\x01b\x0bc", "abc"),
        ("a&#x1;b&#0;c&#x1F;d&#31;e&#x41;f", "abcdeAf"),
        ("<![CDATA[<x>&]]>", "<x>&"),
        ("é\U0001f600", "é\U0001f600"),
        ("  blanks  ", "  blanks  "),
    ],
)
def test_text_is_decoded(inside: str, text: str) -> None:
    """References are decoded, characters that XML forbids are dropped, blanks stay."""
    assert read_elements(f"<a>{inside}</a>")[0].text == text


@pytest.mark.parametrize("text", ["<a>", "<a></b>", "<a b=c/>", "&x;", "</forest>", "<a>&unknown;</a>", "<", "<a\x00b>"])
def test_what_is_not_well_formed_is_refused(text: str) -> None:
    """One error class, whatever is wrong."""
    with pytest.raises(MalformedXmlError):
        read_elements(text)


def test_a_document_type_is_refused() -> None:
    """Entities are where bombs live."""
    with pytest.raises(MalformedXmlError):
        read_elements('<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>')


@pytest.mark.parametrize(("depth", "refused"), [(MAX_DEPTH, False), (MAX_DEPTH + 1, True), (200_000, True)])
def test_depth_is_bounded(depth: int, *, refused: bool) -> None:
    """As deep as a record may be, not deeper."""
    text = "<a>" * depth + "</a>" * depth
    if not refused:
        assert len(read_elements(text)) == 1
        return
    with pytest.raises(TooDeepError):
        read_elements(text)


def test_no_elements() -> None:
    """Blank text holds none."""
    assert read_elements(" \n ") == ()


def test_named_data_are_read_without_a_parser() -> None:
    """References are resolved once, the last of two names wins, a cut costs the value it cut; asked names always exist."""
    texts = [
        '<Data Name="A">x &amp;lt; &lt;y&gt;</Data><Data Name="B"/><Data Name="A">2</Data>',
        '<Data Name="A">1</Data><Data Name="C">cut o',
        "no event",
    ]
    assert named_data(pl.Series(texts), ["A", "D"]).to_dict(as_series=False) == {"A": ["2", "1", None], "D": [None] * 3}
    decoded = named_data(pl.Series(['<Data Name="A">x &amp;lt; &lt;y&gt;</Data>']))
    assert decoded.get_column("A").to_list() == ["x &lt; <y>"]
