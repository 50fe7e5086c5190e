"""The table of public holidays, made of the library ``holidays``; ``correlator/config/data`` holds it and a test compares.

``python -m correlator.harness.holidays`` writes it anew: after a new version of the library, when the test says so.
"""

import orjson

from correlator.config.public_holidays import TABLE, calendars_of_library, days_of_library


def table() -> bytes:
    """Return the days of all of France, then those that each calendar has beside them, a calendar a line."""
    whole = days_of_library("FR")
    days = {name: days_of_library(name) for name in calendars_of_library()}
    if any(whole - there for there in days.values()):
        raise NotImplementedError("a part of France lacks a day of the whole: the table cannot say that")
    lines = [
        orjson.dumps(name) + b": " + orjson.dumps(sorted(whole if name == "FR" else there - whole))
        for name, there in days.items()
    ]
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


if __name__ == "__main__":
    TABLE.write_bytes(table())
