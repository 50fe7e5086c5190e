"""Kubernetes API server audit: who asked what of the cluster, and what was allowed.

Product: ``audit.k8s.io`` v1 and v1beta1 events: log backend (one per line), webhook (``EventList``), and as cloud providers
wrap them: EKS through CloudWatch Logs (``logEvents``), AKS diagnostic logs (``kube-audit``, the event as text below
``properties.log``). GKE writes Google's audit records instead: see ``gcp_audit``.

How to send it here: on the API server ``--audit-policy-file=… --audit-log-path=/var/log/kubernetes/audit.log``, and read the
file (agent, or rsyslog imfile); or ``--audit-webhook-config-file`` pointing at this collector. AKS: Diagnostic settings >
``kube-audit-admin`` > Event Hub. Reference: "Auditing", Kubernetes documentation.

An event has up to three stages; ``ResponseComplete``, ``ResponseStarted`` of long requests (exec, watch) and ``Panic`` are
kept, ``RequestReceived`` says nothing more and is skipped. ``responseStatus.code`` under 400 is a success.
``hostPath`` and ``capabilities`` are found anywhere below ``requestObject.spec``, as Sigma's rules name them. Keys of
``annotations`` hold dots and slashes of their own.

Speed: containers of ``requestObject`` make request-level audit a nested-array format; metadata level is plain JSON.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, Rewrite, first_of, log_events, moment, unfolded
from correlator.parse.formats.values import address, integer

__all__ = ["PARSER"]

_AUDIT = LogSource("kubernetes", "application", "audit")
_RIGHTS = ("roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts")
_REFUSED = 400  # and every status above it


def _below(name: str) -> pl.Expr:
    """Return what stands under ``name`` anywhere inside the requested object, as JSON text; null where it does not."""
    whole = first_of("requestObject.spec", "requestObject")
    return whole.str.extract(rf'"{name}":(\{{[^{{}}]*\}}|\[[^\[\]]*\]|"[^"]*")')


_code = integer(pl.col("responseStatus.code"))
_MAKING = Making(
    dataset="kubernetes.audit",
    log_sources=(_AUDIT,),
    words=("verb", "stage", "level", "objectRef.resource", "objectRef.subresource", "responseStatus.code"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.lit("event"),
        "event.action": pl.col("verb"),
        "event.category": pl.when(pl.col("objectRef.resource").is_in(_RIGHTS))
        .then(pl.lit(["iam"]))
        .otherwise(pl.lit(["configuration"])),
        "event.outcome": pl.when(_code < _REFUSED).then(pl.lit("success")).when(_code >= _REFUSED).then(pl.lit("failure")),
        "event.reason": first_of("responseStatus.reason", "responseStatus.message"),
        "http.response.status_code": _code,
        "url.original": pl.col("requestURI"),
        "url.path": pl.col("requestURI").str.extract(r"^([^?]*)"),
        "user.name": pl.col("user.username"),
        "user.id": pl.col("user.uid"),
        "user.roles": pl.col("user.groups[]"),
        "user.effective.name": pl.col("impersonatedUser.username"),
        "source.ip": address(pl.col("sourceIPs")),
        "user_agent.original": pl.col("userAgent"),
        "orchestrator.namespace": pl.col("objectRef.namespace"),
        "orchestrator.resource.type": pl.col("objectRef.resource"),
        "orchestrator.resource.name": pl.col("objectRef.name"),
    },
    own={
        "apiGroup": first_of("apiGroup", "objectRef.apiGroup"),
        "hostPath": pl.coalesce("hostPath", _below("hostPath")),
        "capabilities": pl.coalesce("capabilities", _below("capabilities")),
    },
)
_PRODUCT = Product(
    _MAKING,
    time=moment("requestReceivedTimestamp", "stageTimestamp", "timestamp", "time"),
    known=("verb",),
    reading=Reading(
        envelopes=("items",),
        rewrites=(
            Rewrite(('"kube-audit',), unfolded("properties", "log"), opens=True),
            Rewrite(('"logEvents"',), log_events, opens=True),
        ),
        shape=json.Shape(max_depth=24, whole=frozenset({"requestObject", "responseObject"})),
    ),
    idle=pl.col("stage") == "RequestReceived",
)

# What Sigma's rules read of a record as it came.
_READ_BY_RULES = (
    "verb requestURI userAgent objectRef.resource objectRef.namespace objectRef.subresource objectRef.apiGroup "
    "responseStatus.code requestObject"
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per audited request; the stage at which nothing is decided yet is skipped."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="kubernetes_audit",
    log_sources=(_AUDIT,),
    signature=Signature(
        pattern=START + r'(?:"(?:apiVersion|objectRef)"\s*:\s*(?:"audit\.k8s\.io/v|\{)|"kube-audit(?:-admin)?"'
        r'|"logEvents"\s*:\s*\[[\s\S]*\\"audit\.k8s\.io/v'
        r'|"verb"\s*:\s*"[a-z]+"[\s\S]*"(?:requestURI|responseStatus|sourceIPs|stage)"\s*:'
        r'|"(?:requestURI|responseStatus|sourceIPs|stage)"\s*:[\s\S]*"verb"\s*:\s*"[a-z]+")',
        rank=10,
        any_text=("audit.k8s.io/v", '"objectRef', '"kube-audit', '"verb"'),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(*_READ_BY_RULES.split()),
    parse=_parse,
    required=("event.action",),
)
