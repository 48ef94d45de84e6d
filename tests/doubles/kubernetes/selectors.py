"""Label and field selectors, as Kubernetes reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TERM = re.compile(
    r"^\s*(?:(?P<absent>!)\s*)?(?P<key>[\w./-]+)\s*"
    r"(?:(?P<op>==|=|!=)\s*(?P<value>[^,()]*)|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?\s*$"
)


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels (or dotted fields) fit all terms of a selector. Raises ValueError for one that is malformed."""
    terms = [term for term in re.split(r",(?![^()]*\))", selector) if term.strip()]
    return all(_fits(term, labels) for term in terms)


def _fits(term: str, labels: Mapping[str, str]) -> bool:
    found = _TERM.match(term)
    if not found:
        raise ValueError(f"unable to parse requirement: {term!r}")
    key, value = found["key"], labels.get(found["key"])
    if found["absent"]:
        return key not in labels
    if found["set"]:
        wanted = {each.strip() for each in found["values"].split(",")}
        return (value in wanted) == (found["set"] == "in")
    if found["op"] == "!=":
        return value != found["value"].strip()
    if found["op"]:
        return value == found["value"].strip()
    return key in labels
