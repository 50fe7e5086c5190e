"""CloudTrail's files out of a bucket: gzipped JSON below ``AWSLogs/<account>/CloudTrail/<region>/<year>/<month>/<day>``.

Files of the days that may still get some are listed; each is taken once, by its key. S3 is spoken by pyarrow. Source: AWS,
"CloudTrail log file examples", "Finding your CloudTrail log files".
"""

import gzip
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import orjson
import pyarrow.fs as filesystems

from correlator.config.sections.collectors import CloudTrailSettings
from correlator.errors import Reject, Retry
from correlator.ingest.collect.pull import Page
from correlator.ingest.collect.web import text_of

_MOST_BYTES = 256 << 20  # unpacked
_REFUSED = ("ACCESS_DENIED", "Access Denied", "INVALID_ACCESS_KEY", "NO_SUCH_BUCKET", "SIGNATURE")
_DAY = timedelta(days=1)


@dataclass(slots=True)
class CloudTrail:
    """One bucket."""

    settings: CloudTrailSettings
    bucket: filesystems.FileSystem

    def pages(self, cursor: Mapping[str, Any], known: Callable[[Sequence[str]], set[str]], now: datetime) -> Iterator[Page]:
        """Yield one page per file that was not taken."""
        hours = self.settings.overlap_hours if cursor else self.settings.first_hours
        start = (now - timedelta(hours=hours)).date()
        days = [start + number * _DAY for number in range((now.date() - start).days + 1)]
        done = {**cursor, "asked": now.isoformat()}
        for folder in self._folders():
            for day in days:
                keys = self._listed(f"{folder}/{day:%Y/%m/%d}", filesystems.FileType.File)
                taken = known(keys)
                for key in (key for key in keys if key not in taken and key.endswith(".json.gz")):
                    records = self._records(key)
                    yield Page(records or (), done, (key,), () if records is not None else (key,))
        yield Page((), done)

    def _folders(self) -> Iterator[str]:
        """Yield the folder of each account and region."""
        root = str(PurePosixPath(self.settings.bucket, self.settings.prefix, "AWSLogs"))
        for account in self._listed(root, filesystems.FileType.Directory):
            for trail in self._listed(account, filesystems.FileType.Directory):
                if PurePosixPath(trail).name == "CloudTrail":
                    yield from self._listed(trail, filesystems.FileType.Directory)

    def _listed(self, folder: str, kind: filesystems.FileType) -> list[str]:
        try:
            found = self.bucket.get_file_info(filesystems.FileSelector(folder, allow_not_found=True))
        except OSError as error:
            raise _wrong(folder, error) from error
        return sorted(one.path for one in found if one.type == kind)

    def _records(self, key: str) -> list[tuple[str, str]] | None:
        """Return the records of a file; None when it cannot be read."""
        try:
            with self.bucket.open_input_stream(key, compression=None) as stream:
                packed = stream.read()
        except OSError as error:
            raise _wrong(key, error) from error
        try:
            with gzip.open(io.BytesIO(packed)) as file:
                text = file.read(_MOST_BYTES + 1)
            records = orjson.loads(text)["Records"] if len(text) <= _MOST_BYTES else None
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return None
        if not isinstance(records, list):
            return None
        return [(str(one.get("eventID") or f"{key}#{number}"), text_of(one)) for number, one in enumerate(records)]


def _wrong(where: str, error: OSError) -> Retry | Reject:
    said = " ".join(str(error).split())[:300]
    return Reject(f"{where}: {said}") if any(word in said for word in _REFUSED) else Retry(f"{where}: {said}")
