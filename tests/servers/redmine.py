"""A real Redmine (Debian's) on this machine, for tests: ``with redmine() as server``. As a script: install and serve.

Needs root: the package is installed when it is missing (51 MB, some 80 s), the server runs as www-data. Every server has a
database of its own, seeded with a robot account without an administrator's rights, projects, the custom field.
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

HOME = Path("/usr/share/redmine")
_PACKAGED = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")
_ANSWERS = """\
redmine redmine/instances/default/dbconfig-install boolean true
redmine redmine/instances/default/database-type select sqlite3
redmine redmine/instances/default/default-language select fr
"""
# BUNDLER_VERSION: Debian's libruby carries a Bundler that hides the patched one; without it nothing of Redmine starts.
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "BUNDLER_VERSION": "2.3.15",
    "LANG": "C.UTF-8",
    "REDMINE_INSTANCE": "default",
    "RAILS_ENV": "production",
    "RACK_ENV": "production",
}
PROJECTS = {"dsi": "DSI", "aulnees": "Les Aulnées", "vernay": "Le Vernay"}
FIELD = "Incident Tocsin"
_SEED = """
Setting.rest_api_enabled = '1'
Setting.default_language = 'fr'
Setting.cross_project_issue_relations = '1'
Redmine::DefaultData::Loader.load('fr') if Redmine::DefaultData::Loader.no_data?
field = IssueCustomField.create!(name: '%(field)s', field_format: 'string', is_for_all: true, is_filter: true,
                                 tracker_ids: Tracker.pluck(:id))
role = Role.create!(name: 'Tocsin', issues_visibility: 'all', permissions: [:view_issues, :add_issues, :edit_issues,
  :add_issue_notes, :manage_issue_relations, :set_issues_private, :set_own_issues_private])
Tracker.all.each { |t| IssueStatus.all.each { |a| IssueStatus.all.each { |b|
  WorkflowTransition.create!(role_id: role.id, tracker_id: t.id, old_status_id: a.id, new_status_id: b.id) unless a == b } }
  IssueStatus.all.each { |b|
    WorkflowTransition.create!(role_id: role.id, tracker_id: t.id, old_status_id: 0, new_status_id: b.id) } }
user = User.new(firstname: 'Tocsin', lastname: 'Robot', mail: 'tocsin@example.org', language: 'fr')
user.login = 'tocsin'
user.password = user.password_confirmation = SecureRandom.hex(20)
user.save!
person = User.new(firstname: 'Paule', lastname: 'Martin', mail: 'p.martin@example.org', language: 'fr')
person.login = 'p.martin'
person.password = person.password_confirmation = SecureRandom.hex(20)
person.save!
%(projects)s.each { |id, name|
  project = Project.create!(name: name, identifier: id, is_public: false, trackers: Tracker.all)
  Member.create!(project: project, principal: user, roles: [role])
  Member.create!(project: project, principal: person, roles: [Role.givable.where.not(id: role.id).first])
}
Project.create!(name: 'Public', identifier: 'public', is_public: true, trackers: Tracker.all)
puts({key: user.api_key, person: person.api_key}.to_json)
"""


@dataclass
class Redmine:
    """A running server; ``key`` is the robot's, ``person`` somebody of the IT department's."""

    folder: Path
    port: int
    key: str
    person: str
    process: "subprocess.Popen[bytes] | None" = None
    calls: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again, on the same port, and wait until it answers."""
        command = ["/usr/bin/puma", "-e", "production", "-b", f"tcp://127.0.0.1:{self.port}", "-t", "2:4"]
        with (self.folder / "puma.log").open("ab") as out:
            self.process = _as_www_data(command, _environment(self.folder), stdout=out, stderr=out)
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/login", timeout=30).is_success:
                    return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "puma.log").read_text()[-2000:])

    def stop(self) -> None:
        """Stop it; its database stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Change or ask its database behind its back, as an administrator's click would."""
        connection = sqlite3.connect(self.folder / "redmine.sqlite3", timeout=30)
        with connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def get(self, path: str, key: str | None = None, **params: str) -> dict[str, object]:
        """Return what the API says, asked by a client of its own."""
        answer = httpx.get(self.url + path, params=params, headers={"X-Redmine-API-Key": key or self.key}, timeout=30)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def put(self, path: str, body: object) -> None:
        """Change something as the person of the IT department."""
        answer = httpx.put(self.url + path, json=body, headers={"X-Redmine-API-Key": self.person}, timeout=30)
        answer.raise_for_status()


def missing() -> str:
    """Return why no Redmine can run here; empty when one can."""
    if os.geteuid() != 0:
        return "not root: Redmine cannot be installed, nor run as www-data"
    if not shutil.which("apt-get"):
        return "not Debian: no apt-get"
    return ""


def install() -> None:
    """Install Debian's Redmine when it is missing."""
    if HOME.exists() and _PACKAGED.exists():
        return
    subprocess.run(["/usr/bin/debconf-set-selections"], input=_ANSWERS.encode(), env=_ENVIRONMENT, check=True)
    quiet = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq"]
    subprocess.run([*quiet, "update"], env=_ENVIRONMENT, check=False, stdout=subprocess.DEVNULL)
    command = [*quiet, "install", "-y", "--no-install-recommends", "redmine", "redmine-sqlite", "puma"]
    subprocess.run(command, env=_ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def redmine(port: int = 0) -> Iterator[Redmine]:
    """Install if needed, seed, start, and stop at the end. Its folder is no folder of pytest's: those are root's alone."""
    install()
    with TemporaryDirectory(prefix="tocsin-redmine-") as name:
        folder = Path(name)
        shutil.copy(_PACKAGED, folder / "redmine.sqlite3")
        for path in (folder, folder / "redmine.sqlite3"):
            shutil.chown(path, "www-data")
        keys = json.loads(run_ruby(folder, _SEED % {"field": FIELD, "projects": json.dumps(PROJECTS).replace(":", "=>")}))
        server = Redmine(folder, port or _free_port(), keys["key"], keys["person"])
        server.start()
        try:
            yield server
        finally:
            server.stop()


def run_ruby(folder: Path, text: str) -> str:
    """Run Ruby inside the application and return the last line it printed."""
    script = folder / "script.rb"
    script.write_text(text)
    shutil.chown(script, "www-data")
    command = ["/usr/bin/bundle", "exec", "rails", "runner", "-e", "production", str(script)]
    process = _as_www_data(command, _environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = process.communicate(timeout=120)
    if process.returncode:
        raise RuntimeError(errors.decode()[-2000:])
    return out.decode().strip().splitlines()[-1] if out.strip() else ""


def _as_www_data(command: list[str], environment: dict[str, str], **files: Any) -> "subprocess.Popen[bytes]":
    """Start ``command`` with the rights of the web server's account alone."""
    return subprocess.Popen(
        command, cwd=HOME, env=environment, user="www-data", group="www-data", extra_groups=(), umask=0o027, **files
    )


def _environment(folder: Path) -> dict[str, str]:
    return {**_ENVIRONMENT, "DATABASE_URL": f"sqlite3:{folder / 'redmine.sqlite3'}?timeout=10000", "HOME": str(folder)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    with redmine(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as running:
        sys.stdout.write(json.dumps({"url": running.url, "key": running.key, "person": running.person}) + "\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
