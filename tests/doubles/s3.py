"""A double of S3: ListObjectsV2 and GetObject of one bucket, as pyarrow's client asks them; signatures are not checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.doubles.serving import beside


@dataclass
class FakeS3:
    """One bucket: key → content; ``denied`` answers every question with 403."""

    bucket: str
    objects: dict[str, bytes] = field(default_factory=dict)
    denied: bool = False
    got: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Return status and body."""
        if self.denied:
            return 403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        key = unquote(path).removeprefix(f"/{self.bucket}").lstrip("/")
        if "list-type" in query:
            return 200, self._listed(query.get("prefix", [""])[0], query.get("delimiter", [""])[0])
        if key not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        if method == "GET":
            self.got.append(key)
        return 200, self.objects[key]

    def _listed(self, prefix: str, delimiter: str) -> bytes:
        below = [key for key in sorted(self.objects) if key.startswith(prefix)]
        folders = sorted(
            {key[: key.index(delimiter, len(prefix)) + 1] for key in below if delimiter and delimiter in key[len(prefix) :]}
        )
        files = [key for key in below if not any(key.startswith(folder) for folder in folders)]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            "<LastModified>2026-11-22T10:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for key in files
        )
        shared = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
        count = len(files) + len(folders)
        head = f"<Name>{self.bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{count}</KeyCount>"
        head += "<IsTruncated>false</IsTruncated>"
        return f'<?xml version="1.0"?><ListBucketResult>{head}{contents}{shared}</ListBucketResult>'.encode()


@contextmanager
def serving(fake: FakeS3) -> Iterator[FakeS3]:
    """Serve the double on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            parts = urlsplit(self.path)
            status, body = fake.answer(self.command, parts.path, parse_qs(parts.query, keep_blank_values=True))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/xml" if body.startswith(b"<") else "application/octet-stream")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = _do  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    with beside(server):
        yield fake
