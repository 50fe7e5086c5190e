"""Audit records of Microsoft 365 through the Management Activity API.

Content is listed by the time it became available, 24 hours a question and at most seven days back, then fetched blob by blob.
Blobs become available up to hours after what they tell of, so the last hours are listed again; blobs and records that were
taken are known by their ids. Source: Microsoft, "Office 365 Management Activity API reference".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from correlator.config.sections.collectors import Office365Settings, overlap_of
from correlator.errors import Reject
from correlator.ingest.collect.pull import Page, windows
from correlator.ingest.collect.web import Application, as_json, instant, moment_of, text_of

_LONGEST, _OLDEST = timedelta(hours=24), timedelta(days=7) - timedelta(minutes=5)
_ALREADY = "AF20024"  # the subscription is enabled


@dataclass(slots=True)
class Office365:
    """One tenant's audit log."""

    settings: Office365Settings
    application: Application
    _subscribed: bool = False

    def pages(self, cursor: Mapping[str, Any], known: Callable[[Sequence[str]], set[str]], now: datetime) -> Iterator[Page]:
        """Yield one page per blob of content that was not taken."""
        self._subscribe()
        done = dict(cursor)
        for content in self.settings.content:
            for begin, end in windows(max(self._start(cursor.get(content), now), now - _OLDEST), now, _LONGEST):
                for blobs in self._listed(content, begin, end):
                    yield from self._blobs(blobs, known, done)
                done = {**done, content: end.isoformat()}
            yield Page((), done)

    def _start(self, reached: object, now: datetime) -> datetime:
        """Return from when to list: some hours before what was reached."""
        first, overlap = now - timedelta(hours=self.settings.first_hours), overlap_of(self.settings)
        return moment_of(reached, first + overlap) - overlap

    def _blobs(
        self, blobs: Sequence[Mapping[str, Any]], known: Callable[[Sequence[str]], set[str]], done: Mapping[str, Any]
    ) -> Iterator[Page]:
        ids = {f"blob:{one.get('contentId')}": str(one.get("contentUri", "")) for one in blobs}
        taken = known(list(ids))
        for name, uri in ids.items():
            if name not in taken and self._is_ours(uri):
                records = as_json(self.application.ask("GET", uri))
                yield Page([(str(one.get("Id") or name), text_of(one)) for one in records], done, (name,))

    def _is_ours(self, uri: str) -> bool:
        """Say whether a blob lies where the service lies: the token is shown to nobody else."""
        return uri.startswith(f"{self.settings.api}/")

    def _listed(self, content: str, begin: datetime, end: datetime) -> Iterator[list[Mapping[str, Any]]]:
        span = f"startTime={instant(begin)}&endTime={instant(end)}"
        url = f"{self._feed()}/subscriptions/content?contentType={content}&{span}"
        while url:
            answer = self.application.ask("GET", url)
            yield as_json(answer)
            following = answer.headers.get("NextPageUri", "")
            url = following if self._is_ours(following) else ""

    def _subscribe(self) -> None:
        if self._subscribed:
            return
        for content in self.settings.content:
            try:
                self.application.ask("POST", f"{self._feed()}/subscriptions/start?contentType={content}")
            except Reject as error:
                if _ALREADY not in str(error):
                    raise
        self._subscribed = True

    def _feed(self) -> str:
        return f"{self.settings.api}/api/v1.0/{self.settings.tenant}/activity/feed"
