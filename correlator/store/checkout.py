"""Which commit a git work tree stands on: read from its files, so that nothing of the checkout is run."""

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LINKS = 5  # refs that name refs


def head_commit(folder: Path) -> str:
    """Return the commit that the work tree at ``folder``, or the one it lies in, is on; "" when it is no work tree."""
    git = next((found for one in (folder, *folder.parents) if (found := _git_folder(one / ".git"))), None)
    if git is None:
        return ""
    name = _line(git / "HEAD")
    for _ in range(_LINKS):
        if not name.startswith("ref: "):
            break
        name = _resolve(git, name.removeprefix("ref: "))
    return name if _COMMIT.fullmatch(name) else ""


def is_busy(folder: Path) -> bool:
    """Say whether git is changing the work tree at ``folder`` just now: half of a checkout is nobody's rule set."""
    git = _git_folder(folder / ".git")
    return git is not None and (git / "index.lock").exists()


def _git_folder(path: Path) -> Path | None:
    """Return the folder that ``path`` (a ``.git`` folder, or the file of a further work tree) stands for."""
    if path.is_dir():
        return path
    target = _line(path).removeprefix("gitdir: ") if path.is_file() else ""
    return (path.parent / target) if target else None


def _resolve(git: Path, ref: str) -> str:
    common = _line(git / "commondir")
    for folder in (git, git / common) if common else (git,):
        if ".." not in ref and (found := _line(folder / ref) or _packed(folder, ref)):
            return found
    return ""


def _packed(git: Path, ref: str) -> str:
    try:
        lines = (git / "packed-refs").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((commit for commit, _, name in (line.partition(" ") for line in lines) if name == ref), "")


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:4096].strip()
    except OSError:
        return ""
