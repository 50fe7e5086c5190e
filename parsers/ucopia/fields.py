"""The fields of a line in whichever of the three forms it comes, under one name each."""

import polars as pl

from correlator.parse.formats import json, keyvalue
from correlator.parse.formats.objects import flat
from correlator.parse.formats.syslog import envelope

__all__ = ["FIELDS", "fields_of_lines"]

#: Field → the names it goes by, lower case.
FIELDS: dict[str, tuple[str, ...]] = {
    "stamp": (
        *("timestamp", "datetime", "date_time", "start", "start_time", "starttime", "begin"),
        *("debut", "début", "date_debut"),
    ),
    "date": ("date", "jour"),
    "time": ("time", "heure", "hour"),
    "end": ("end", "end_time", "endtime", "fin", "stop", "date_fin", "stop_time"),
    "user": ("login", "user", "username", "user_name", "utilisateur", "uid", "account", "identifiant", "compte"),
    "src": (
        *("ip", "user_ip", "client_ip", "src", "src_ip", "srcip", "source", "ip_address", "framed_ip"),
        *("adresse_ip", "adresse ip"),
    ),
    "mac": ("user_mac", "client_mac", "mac_address", "adresse_mac", "calling_station_id", "adresse mac", "mac"),
    "sport": ("sport", "src_port", "srcport", "spt", "port_source"),
    "dst": ("dst", "dst_ip", "dstip", "dest", "destination", "dest_ip", "ip_destination"),
    "dport": ("dport", "dst_port", "dstport", "dpt", "dest_port", "port_destination"),
    "proto": ("proto", "protocol", "protocole"),
    "nat": ("nat", "nat_ip", "nat_src", "xlate", "ip_nat"),
    "nat_port": ("nat_port", "port_nat"),
    "url": ("url", "uri", "request_url", "page"),
    "method": ("method", "methode", "méthode"),
    "agent": ("user_agent", "useragent", "agent"),
    "zone": ("zone", "ssid", "vlan", "network", "reseau", "réseau"),
    "profile": ("profile", "profil", "group", "groupe"),
    "authentication": ("auth", "auth_mode", "authentication", "mode", "authentification", "auth_method"),
    "action": ("action", "event", "evenement", "événement", "evt", "type"),
    "status": ("status", "statut", "result", "resultat", "résultat", "state", "etat", "état"),
    "duration": ("duration", "duree", "durée", "session_time"),
    "sent_bytes": ("upload", "bytes_in", "in_bytes", "sent", "octets_envoyes", "input_octets", "up"),
    "received_bytes": ("download", "bytes_out", "out_bytes", "rcvd", "received", "octets_recus", "output_octets", "down"),
}
# The first tuple is the guest's, the second the answer's: its destination is the address the Internet saw.
_CONNTRACK = (
    r"\[(?P<action>NEW|UPDATE|DESTROY)\] +(?P<proto>\w+) .*?src=(?P<src>\S+) dst=(?P<dst>\S+)"
    r"(?: sport=(?P<sport>[0-9]+) dport=(?P<dport>[0-9]+))?"
    r"(?:.*? src=\S+ dst=(?P<nat>\S+)(?: sport=[0-9]+ dport=(?P<nat_port>[0-9]+))?)?"
)
_PAIRS = r"(?:^|\s)[A-Za-z_][\w.-]*="


def fields_of_lines(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw_row``, ``received``, what the header says (``written``, ``sent`` …), and one text column per field."""
    header = {"written": "stamp", "sent": "timestamp", "host": "host", "app": "app", "priority": "priority", "body": "body"}
    lines = envelope(raw).select("raw_row", "received", **{name: f"syslog.{part}" for name, part in header.items()})
    body = pl.col("body")
    form = (
        pl.when(body.str.contains(r"^\s*\{")).then(pl.lit("json"))
        .when(body.str.contains(_CONNTRACK)).then(pl.lit("conntrack"))
        .when(body.str.contains(_PAIRS)).then(pl.lit("pairs"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip
    told = lines.with_columns(form.fill_null("none").alias("_form"))
    parts = [_of_form(group, str(name)) for (name,), group in told.group_by("_form", maintain_order=True)]
    whole = pl.concat([*parts, told.clear()], how="diagonal").sort("raw_row").drop("_form")
    absent = [pl.lit(None, pl.String).alias(name) for name in FIELDS if name not in whole.columns]
    return whole.with_columns(absent)


def _of_form(lines: pl.DataFrame, form: str) -> pl.DataFrame:
    body = lines.get_column("body")
    if form == "conntrack":
        return lines.hstack(body.str.extract_groups(_CONNTRACK).struct.unnest())
    if form == "json":
        return lines.hstack(_named(flat(json.flatten(body).columns)))
    if form == "pairs":
        return lines.hstack(_named(keyvalue.pairs(body)))
    return lines


def _named(found: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of ``FIELDS`` among the columns that were found, whatever case they are written in."""
    texts = {name.strip().lower(): name for name, dtype in reversed(found.schema.items()) if dtype == pl.String}
    chosen = {}
    for field, names in FIELDS.items():
        there = [pl.col(texts[name]).str.strip_chars() for name in names if name in texts]
        if there:
            chosen[field] = pl.coalesce(pl.when(column != "").then(column) for column in there)
    return found.select(**chosen)
