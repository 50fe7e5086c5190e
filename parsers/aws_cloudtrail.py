"""AWS CloudTrail: who called which API of which account, console sign-ins, Insights.

Product: CloudTrail record format 1.0 to 1.11, in every wrapping: log files of S3 (``{"Records": […]}``, already unzipped), one
record per line, ``lookup-events`` of the API (``CloudTrailEvent``), EventBridge (``detail``), CloudWatch Logs subscriptions
(``logEvents`` with the record as text), and the lower case names that data lakes make of them.

How to send it here: CloudTrail > Trails > Create trail > all regions, management events, to a bucket in eu-west-3; let the
collector read the bucket (``s3:GetObject``, ``s3:ListBucket``, nothing else). Or EventBridge > Rules > ``AWS API Call via
CloudTrail`` > API destination. Reference: "CloudTrail record contents", AWS CloudTrail User Guide.

A record is dated by ``eventTime``. ``errorCode`` makes a failure, and so does ``ConsoleLogin: Failure``. Sigma reads the
record's own dotted names, and ``requestParameters`` and ``responseElements`` whole. Not read: digest files.

Records in a wrapper (EventBridge, CloudWatch Logs) are taken out one by one in Python, at some 30,000 a second.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import (
    START,
    TAGS,
    Product,
    Reading,
    Rewrite,
    first_of,
    log_events,
    moment,
    respelt,
    unfolded,
)
from correlator.parse.formats.values import address

__all__ = ["PARSER"]

_CLOUDTRAIL = LogSource("aws", "", "cloudtrail")
_SIGN_IN = ("signin.amazonaws.com", "sts.amazonaws.com", "sso.amazonaws.com")
_NAMES = (
    "eventVersion eventTime eventSource eventName eventType eventID eventCategory awsRegion sourceIPAddress userAgent "
    "userIdentity principalId accountId accessKeyId userName sessionContext sessionIssuer mfaAuthenticated creationDate "
    "invokedBy errorCode errorMessage requestParameters responseElements additionalEventData MFAUsed LoginTo ConsoleLogin "
    "requestID readOnly managementEvent recipientAccountId vpcEndpointId tlsDetails resources serviceEventDetails "
    "sharedEventID apiVersion insightDetails"
)


_service, _said = pl.col("eventSource"), pl.col("responseElements.ConsoleLogin")
_has_failed = pl.col("errorCode").is_not_null() | (_said == "Failure") | pl.col("errorMessage").is_not_null()
_role = pl.col("userIdentity.sessionContext.sessionIssuer.userName")
_arn = pl.col("userIdentity.arn")

_outcome = pl.when(_has_failed.fill_null(value=False)).then(pl.lit("failure")).otherwise(pl.lit("success"))
_MAKING = Making(
    dataset="aws.cloudtrail",
    log_sources=(_CLOUDTRAIL,),
    words=("eventSource", "eventName", "awsRegion", "errorCode", "responseElements.ConsoleLogin", "eventType"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(pl.col("eventType") == "AwsCloudTrailInsight").then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.action": first_of("eventName", "eventType"),
        "event.provider": _service,
        "event.category": pl.when(_service.is_in(_SIGN_IN))
        .then(pl.lit(["authentication"]))
        .when(_service == "iam.amazonaws.com")
        .then(pl.lit(["iam"]))
        .otherwise(pl.lit(["web"])),
        "event.outcome": _outcome,
        "event.reason": pl.col("errorMessage"),
        "error.code": pl.col("errorCode"),
        "error.message": pl.col("errorMessage"),
        "cloud.provider": pl.lit("aws"),
        "cloud.region": pl.col("awsRegion"),
        "cloud.account.id": first_of("recipientAccountId", "userIdentity.accountId"),
        "user.id": pl.col("userIdentity.principalId"),
        "user.name": pl.coalesce(
            pl.col("userIdentity.userName"),
            _role,
            _arn.str.extract(r"[:/]([^:/]+)$"),
            pl.col("userIdentity.invokedBy"),
        ),
        "user.effective.name": pl.when(_role.is_not_null()).then(_arn.str.extract(r"/([^/]+)$")),
        "user.target.name": pl.col("requestParameters.userName"),
        "resource.name": first_of("requestParameters.bucketName", "requestParameters.roleName", "requestParameters.groupName"),
        "source.ip": address(pl.col("sourceIPAddress")),
        "source.domain": pl.col("sourceIPAddress").str.extract(r"^([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]+)$"),
        "user_agent.original": pl.col("userAgent"),
    },
    own={"status": _outcome, "src_ip": address(pl.col("sourceIPAddress"))},
)
_PRODUCT = Product(
    _MAKING,
    time=moment("eventTime", "@timestamp"),
    known=("eventName", "eventSource"),
    reading=Reading(
        envelopes=("Records", "Events"),
        rewrites=(
            Rewrite(('"detail-type"',), unfolded("detail"), opens=True),
            Rewrite(('"logEvents"',), log_events, opens=True),
            Rewrite(('"CloudTrailEvent"',), unfolded("CloudTrailEvent"), opens=True),
            Rewrite(('"eventname"', '"eventsource"'), respelt(*_NAMES.split())),
        ),
        shape=json.Shape(max_depth=16),
    ),
)

# What Sigma's rules read of a record as it came.
_READ_BY_RULES = (
    "eventName eventSource eventType errorCode errorMessage userAgent sourceIPAddress userIdentity.type "
    "userIdentity.arn userIdentity.sessionContext.sessionIssuer.type requestParameters requestParameters.* "
    "responseElements responseElements.* additionalEventData.*"
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per API call or sign-in."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="aws_cloudtrail",
    log_sources=(_CLOUDTRAIL,),
    signature=Signature(
        pattern=START + r'(?:"event[Ss]ource"\s*:\s*"[A-Za-z0-9.-]+\.amazonaws\.com"|"recipientAccountId"\s*:'
        r'|"logEvents"\s*:\s*\[[\s\S]*\\"recipientAccountId\\"\s*:'
        r'|"CloudTrailEvent"\s*:|"eventName"\s*:\s*"[A-Z][A-Za-z0-9]+"[\s\S]*"(?:userIdentity|responseElements)"\s*:'
        r'|"(?:userIdentity|responseElements)"\s*:[\s\S]*"eventName"\s*:\s*"[A-Z][A-Za-z0-9]+")',
        rank=10,
        any_text=(
            '"eventSource"',
            '"eventsource"',
            '"recipientAccountId"',
            'recipientAccountId\\"',
            '"eventName"',
            '"CloudTrailEvent"',
        ),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(*_READ_BY_RULES.split()),
    parse=_parse,
    required=("event.action",),
)
