"""The commit of a work tree, read from files that git itself wrote."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from correlator.store.checkout import head_commit, is_busy

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here to make a work tree with")


def git(folder: Path, *words: str) -> str:
    """Run git in ``folder`` and return what it says."""
    who = {f"GIT_{part}_{what}": "t@example.org" for part in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        [shutil.which("git") or "", *words], cwd=folder, env={**os.environ, **who}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a work tree with one commit."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.yml").write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_the_commit_is_that_of_git(tree: Path, tmp_path: Path) -> None:
    """On a branch, with packed refs, without a branch, in a folder inside and in a further work tree."""
    wanted = git(tree, "rev-parse", "HEAD")
    (tree / "rules").mkdir()
    assert head_commit(tree) == head_commit(tree / "rules") == wanted
    git(tree, "pack-refs", "--all")
    assert head_commit(tree) == wanted
    git(tree, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    assert head_commit(tmp_path / "other") == wanted
    git(tree, "checkout", "-q", "--detach")
    assert head_commit(tree) == wanted


def test_what_is_no_work_tree(tmp_path: Path) -> None:
    """A folder alone, a broken HEAD, a ref that leads outside: no commit, no error."""
    assert head_commit(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    for head in ("ref: refs/heads/gone", "ref: ../../secret", "rubbish", ""):
        (tmp_path / ".git" / "HEAD").write_text(head)
        assert head_commit(tmp_path) == ""


def test_half_a_checkout_is_told(tree: Path) -> None:
    """While git changes the tree its lock is there."""
    assert not is_busy(tree)
    (tree / ".git" / "index.lock").write_text("")
    assert is_busy(tree)
