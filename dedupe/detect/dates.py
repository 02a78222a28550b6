"""Dates as news sites write them, read leniently so that versions of an article can be put in order.

Understood are ISO 8601 (also without dashes or with slashes), RFC 2822, Unix times in seconds or milliseconds, and
dates with an English month name in any usual order ("14Aug2006", "4 January 2019", "Jan. 4, 2019, 10:05 p.m.").
A date such as 04/05/2019, which two countries read differently, counts as no date at all.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = [
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d\d?)(?P=mark)(?P<day>\d\d?)(?!\d)",
        rf"(?<!\d)(?P<day>\d\d?)(?:st|nd|rd|th)?[\s,.-]*(?:of\s+)?{_MONTH}[\s,.-]*(?P<year>\d{{4}})(?!\d)",
        rf"\b{_MONTH}[\s,.-]*(?P<day>\d\d?)(?:st|nd|rd|th)?[\s,.-]+(?P<year>\d{{4}})(?!\d)",
    )
]
_TIME = re.compile(
    r"(?P<hour>\d\d?)[:h](?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?"
    r"\s*(?P<half>[ap]\.?m\b)?\s*(?P<zone>z\b|(?:utc|gmt)?\s*[+-]\d\d:?\d\d|utc|gmt)?",
    re.ASCII,
)
_UNIX_TIME = re.compile(r"\d{10}(?:\d{3})?", re.ASCII)


def parse_date(text: str) -> datetime | None:
    """The moment a date string names, in UTC; None if it names none that is certain.

    A date without a time is its first moment; a time without a zone is taken as UTC.

    >>> parse_date("Fri, 04 Jan 2019 10:00:00 +0200").isoformat()
    '2019-01-04T08:00:00+00:00'
    >>> parse_date("14Aug2006").isoformat(), parse_date("04/05/2019")
    ('2006-08-14T00:00:00+00:00', None)
    """
    text = text.strip().casefold()
    if _UNIX_TIME.fullmatch(text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    for pattern in _DATES:
        found = pattern.search(text)
        if found:
            parts = found.groupdict()
            month = _MONTHS.index(parts["name"]) + 1 if "name" in parts else int(parts["month"])
            try:
                day = datetime(int(parts["year"]), month, int(parts["day"]), tzinfo=UTC)
                return day + _time_of_day(text[: found.start()] + " " + text[found.end() :])
            except (ValueError, OverflowError):
                return None
    return None


def _time_of_day(text: str) -> timedelta:
    """The time since midnight UTC that a text names; zero if it names none."""
    found = _TIME.search(text)
    if not found:
        return timedelta()
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].startswith("p") else 0)
    time = timedelta(hours=hour, minutes=int(found["minute"]), seconds=int(found["second"] or 0))
    offset = re.search(r"([+-])(\d\d):?(\d\d)", found["zone"] or "")
    if not offset:
        return time
    ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    return time - ahead if offset[1] == "+" else time + ahead
