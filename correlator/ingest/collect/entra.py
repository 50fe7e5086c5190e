"""Sign-ins and directory changes of Entra ID through Microsoft Graph.

Asked by the time of what happened, the last hours again, since sign-ins arrive up to hours late; what was taken is known by
its id. Source: Microsoft Graph reference, "List signIns", "List directoryAudits", "Throttling".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from correlator.config.sections.collectors import EntraSettings, overlap_of
from correlator.ingest.collect.pull import Page
from correlator.ingest.collect.web import Application, as_json, instant, moment_of, text_of

_TIME = {"signIns": "createdDateTime", "directoryAudits": "activityDateTime"}
_PAGE = 500


@dataclass(slots=True)
class Entra:
    """One tenant's sign-ins and audits."""

    settings: EntraSettings
    application: Application

    def pages(self, cursor: Mapping[str, Any], known: Callable[[Sequence[str]], set[str]], now: datetime) -> Iterator[Page]:
        """Yield one page per answer, oldest first; the cursor moves when a log was read to its end."""
        del known  # a page says its records whole: those that are known are left out by the collector
        done = dict(cursor)
        for log in self.settings.logs:
            first = now - timedelta(hours=self.settings.first_hours)
            since = moment_of(cursor.get(log), first + overlap_of(self.settings)) - overlap_of(self.settings)
            newest = since + overlap_of(self.settings)
            for records in self._asked(log, since):
                newest = max([newest, *(moment_of(one.get(_TIME[log]), newest) for one in records)])
                yield Page([(str(one.get("id")), text_of(one)) for one in records if one.get("id")], done)
            done = {**done, log: min(newest, now).isoformat()}
            yield Page((), done)

    def _asked(self, log: str, since: datetime) -> Iterator[list[Mapping[str, Any]]]:
        when = _TIME[log]
        url = f"{self.settings.api}/v1.0/auditLogs/{log}?$filter={when} ge {instant(since)}Z&$orderby={when} asc&$top={_PAGE}"
        while url:
            said = as_json(self.application.ask("GET", url))
            yield said.get("value", [])
            following = str(said.get("@odata.nextLink", ""))
            url = following if following.startswith(f"{self.settings.api}/") else ""
