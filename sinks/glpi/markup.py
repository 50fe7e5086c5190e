"""A story as the HTML that GLPI's editor writes. What came from logs is escaped: it makes no tag, link or mention."""

from collections.abc import Sequence
from html import escape, unescape
from re import DOTALL, sub

from correlator.deliver.story import Line, Section


def write(sections: Sequence[Section], last: Line, most: int) -> str:
    """Return the text of a ticket or follow-up, at most ``most`` characters; ``last`` is always there."""
    end = f"<p>{_line(last)}</p>"
    text = ""
    for section in sections:
        block = _block(section)
        if len(text) + len(block) + len(end) > most:
            end = f"<p>… (suite dans la pièce jointe)</p>{end}"
            break
        text += block
    return text + end


def plain_end(html: str) -> str:
    """Return the text of the last paragraph of what GLPI holds: it may have escaped it once more."""
    text = unescape(html) if "<p" not in html and "&" in html else html
    last = text.strip().rpartition("<p")[2]
    return " ".join(unescape(sub(r"^[^>]*>|<[^>]*>", " ", last, flags=DOTALL)).split())


def _block(section: Section) -> str:
    title = f"<h3>{escape(section.title)}</h3>" if section.title else ""
    lines = [_line(line) for line in section.lines]
    if section.verbatim:
        return title + "<pre>" + "\n".join(lines) + "</pre>"
    if not section.title and len(lines) == 1:
        return f"<p>{lines[0]}</p>"
    if not lines:
        return title
    kind = "ol" if section.numbered else "ul"
    return f"{title}<{kind}>{''.join(f'<li>{line}</li>' for line in lines)}</{kind}>"


def _line(line: Line) -> str:
    return "".join(escape(part) if isinstance(part, str) else escape(part.text) for part in line)
