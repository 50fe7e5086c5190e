"""Pipelines of ``sigma list pipelines``: Sigma's names of fields → the ECS columns of Tocsin's events, as in its lake."""

from sigma.pipelines.base import Pipeline
from sigma.processing.conditions import LogsourceCondition
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import FieldMappingTransformation

__all__ = ["tocsin_ecs"]

_PROCESS = {
    "Image": "process.executable",
    "CommandLine": "process.command_line",
    "CurrentDirectory": "process.working_directory",
    "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line",
    "ProcessId": "process.pid",
    "ParentProcessId": "process.parent.pid",
}
_NETWORK = {
    "Image": "process.executable",
    "SourceIp": "source.ip",
    "SourcePort": "source.port",
    "SourceHostname": "source.domain",
    "DestinationIp": "destination.ip",
    "DestinationPort": "destination.port",
    "DestinationHostname": "destination.domain",
}
_WEB = {
    "c-ip": "source.ip",
    "c-uri": "url.original",
    "c-useragent": "user_agent.original",
    "cs-host": "url.domain",
    "cs-method": "http.request.method",
    "cs-referer": "http.request.referrer",
    "cs-uri-query": "url.query",
    "cs-uri-stem": "url.path",
    "cs-username": "user.name",
    "sc-status": "http.response.status_code",
}
_BY_CATEGORY = {
    "process_creation": _PROCESS,
    "network_connection": _NETWORK,
    "dns_query": {"Image": "process.executable", "QueryName": "dns.question.name"},
    "webserver": _WEB,
    "proxy": _WEB,
}


@Pipeline
def tocsin_ecs() -> ProcessingPipeline:
    """Return the pipeline that names the fields of processes, connections, DNS queries and web requests as ECS does."""
    items = [
        ProcessingItem(
            identifier=f"tocsin_{category}",
            transformation=FieldMappingTransformation(dict[str | None, str | list[str]](mapping.items())),
            rule_conditions=[LogsourceCondition(category=category)],
        )
        for category, mapping in _BY_CATEGORY.items()
    ]
    return ProcessingPipeline(name="Tocsin: ECS names of processes, connections, DNS and web", priority=50, items=items)
