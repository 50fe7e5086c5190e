"""Linux records: syslog lines with RFC 3339 times, and audit records (several lines per event, the node named)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from correlator.harness.demo.stage import PARIS, Record, Stage

AUTH: Final = "linux/auth.log"
AUDIT: Final = "linux/audit.log"
WWW_DATA: Final = 33


@dataclass
class Unix:
    """Writes the Linux records of one player."""

    stage: Stage

    def syslog(self, at: datetime, host: str, program: str, text: str) -> Record:
        """Return one syslog line of ``host``; cron and sshd bear a process number."""
        tag = program if program == "sudo" else f"{program}[{self.stage.rng.randrange(800, 60_000)}]"
        stamp = at.astimezone(PARIS).isoformat(timespec="microseconds")
        return Record(AUTH, at, f"{stamp} {host} {tag}: {text}")

    def ssh_failed(self, at: datetime, host: str, user: str, ip: str, *, known: bool = False) -> Record:
        """Return a refused password."""
        who = user if known else f"invalid user {user}"
        return self.syslog(at, host, "sshd", f"Failed password for {who} from {ip} port {self.stage.port()} ssh2")

    def ssh_accepted(self, at: datetime, host: str, user: str, ip: str) -> Record:
        """Return a log-in by key."""
        key = f"ED25519 SHA256:{self.stage.rng.getrandbits(160):040x}"
        return self.syslog(at, host, "sshd", f"Accepted publickey for {user} from {ip} port {self.stage.port()} ssh2: {key}")

    def sudo(self, at: datetime, host: str, user: str, command: str) -> Record:
        """Return an accepted sudo command, run as root."""
        return self.syslog(at, host, "sudo", f"{user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}")

    def executed(
        self, at: datetime, host: str, arguments: list[str], *, exe: str, euid: int, parent: int = 1
    ) -> Iterator[Record]:
        """Yield the audit records of one started program."""
        quoted = " ".join(f"a{number}={_quoted(text)}" for number, text in enumerate(arguments))
        joined = "\0".join(arguments).encode().hex().upper()
        yield from self._event(
            at,
            host,
            self._call(59, exe, euid, parent, "exec"),
            f"type=EXECVE {{}}: argc={len(arguments)} {quoted}",
            'type=CWD {}: cwd="/var/www/html"' if euid == WWW_DATA else 'type=CWD {}: cwd="/root"',
            _path(0, exe, 0, "NORMAL"),
            f"type=PROCTITLE {{}}: proctitle={joined}",
        )

    def created(self, at: datetime, host: str, path: str, *, exe: str, euid: int) -> Iterator[Record]:
        """Yield the audit records of one created file."""
        yield from self._event(
            at,
            host,
            self._call(257, exe, euid, 811, "webroot"),
            'type=CWD {}: cwd="/var/www/html"',
            _path(0, f"{path.rpartition('/')[0]}/", euid, "PARENT"),
            _path(1, path, euid, "CREATE"),
            f"type=PROCTITLE {{}}: proctitle={exe.encode().hex().upper()}",
        )

    def _call(self, number: int, exe: str, euid: int, parent: int, key: str) -> str:
        return (
            f"type=SYSCALL {{}}: arch=c000003e syscall={number} success=yes exit=0 a0=55d0 a1=55e0 a2=55f0 a3=8 items=2 "
            f"ppid={parent} pid={self.stage.rng.randrange(2000, 60_000)} auid=4294967295 {_ids(euid)} "
            f'tty=(none) ses=4294967295 comm="{exe.rsplit("/", 1)[-1]}" exe="{exe}" subj=unconfined key="{key}"'
        )

    def _event(self, at: datetime, host: str, *lines: str) -> Iterator[Record]:
        stamp = f"msg=audit({at.timestamp():.3f}:{self.stage.serial()})"
        for line in lines:
            yield Record(AUDIT, at, f"node={host} {line.format(stamp)}")


def _path(item: int, name: str, owner: int, kind: str) -> str:
    where = f"inode={9000 + item} dev=08:01 mode=0100644 ouid={owner} ogid={owner} rdev=00:00"
    return f'type=PATH {{}}: item={item} name="{name}" {where} nametype={kind}'


def _ids(euid: int) -> str:
    return f"uid={euid} gid={euid} euid={euid} suid={euid} fsuid={euid} egid={euid} sgid={euid} fsgid={euid}"


def _quoted(text: str) -> str:
    """Return an argument as audit writes it: in hex without quotes when it holds a blank or a quote."""
    return text.encode().hex().upper() if any(mark in text for mark in ' "') else f'"{text}"'
