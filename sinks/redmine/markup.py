"""A story in Redmine's text formatting. What came from logs is shown as code, where Redmine makes no link, macro or mention.

Three marks are changed even there, because they would end the code: ``<``, ``>`` and backticks become their look-alikes. The
exact text is in the attached document.
"""

import re
from collections.abc import Sequence

from correlator.deliver.story import Line, Section, Seen

_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "`": "ˋ"})
#: Words that no formatting changes: letters, digits, French punctuation; no address that becomes a link, no ``user:name``.
_PLAIN = re.compile(r"(?!.*(?:www\.|:\S|(?:^|\s)-|--))[\w\s.,:;’'()«»…/-]*")


def write(sections: Sequence[Section], last: Line, formatting: str, most: int) -> str:
    """Return the text of a ticket or comment, in textile or markdown, at most ``most`` characters; ``last`` is always there."""
    end = _line(last, formatting)
    text = ""
    for section in sections:
        block = _block(section, formatting)
        if len(text) + len(block) + len(end) > most:
            end = f"… (suite dans la pièce jointe)\n\n{end}"
            break
        text += block
    return text + end


def _block(section: Section, formatting: str) -> str:
    title = section.title and (f"h3. {section.title}\n\n" if formatting == "textile" else f"### {section.title}\n\n")
    if section.verbatim:
        return f"{title}{_verbatim(section.lines, formatting)}\n\n"
    mark = ("# " if formatting == "textile" else "1. ") if section.numbered else "* "
    if not section.title and len(section.lines) == 1:
        mark = ""
    lines = [f"{mark}{_line(line, formatting)}\n" for line in section.lines]
    return "".join([title, *lines, "\n" if lines else ""])


def _verbatim(lines: Sequence[Line], formatting: str) -> str:
    text = "\n".join("".join(_text(part).translate(_LOOKALIKES) for part in line) for line in lines)
    return f"<pre>\n{text}\n</pre>" if formatting == "textile" else f"```\n{text}\n```"


def _line(line: Line, formatting: str) -> str:
    return "".join(part if isinstance(part, str) else _seen(part.text, formatting) for part in line)


def _seen(text: str, formatting: str) -> str:
    if _PLAIN.fullmatch(text) and "_" not in text:
        return text
    safe = text.translate(_LOOKALIKES)
    return f"<code>{safe}</code>" if formatting == "textile" else f"`{safe}`"


def _text(part: str | Seen) -> str:
    return part if isinstance(part, str) else part.text
