"""Draw what a command prints in a terminal as docs/img/demo.svg: `.venv/bin/python docs/img/picture.py`."""

import io
import re
import subprocess
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 132
HERE = Path(__file__).parent


def main() -> None:
    """Run the demonstration in a terminal of 132 columns and write the picture."""
    command = ["script", "-qec", f"stty cols {WIDTH}; ./tocsin demo 2>/dev/null", "/dev/null"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parents[1]).stdout  # noqa: S603
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(shown.strip()))
    svg = console.export_svg(title="./bootstrap demo")
    (HERE / "demo.svg").write_text(re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
