"""Faults by script: which request goes wrong, how, and whether the server had already done what was asked."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Literal

Kind = Literal["status", "drop", "slow", "truncate", "late", "html"]


@dataclass
class Fault:
    """One rule.

    kind: `status` answers `status`; `drop` cuts the connection; `slow` waits `seconds` before it answers as it should;
    `truncate` cuts the answer in its middle; `late` answers `status` at once and applies the request `seconds` later;
    `html` answers 200 with a web page, as a captive portal or a wrong host does.
    when: `before` the request is applied or `after`. method and path (a regular expression) choose the requests;
    skip that many of them first, then hit `times` of them.
    """

    kind: Kind
    status: int = 503
    when: Literal["before", "after"] = "before"
    method: str = "PATCH"
    path: str = "."
    skip: int = 0
    times: int = 1
    seconds: float = 0.0
    retry_after: str | None = None


class Faults:
    """The script of one double. Rules are asked in the order they were added; the first that fits is used up by one."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()
        self.hits: list[Fault] = []

    def add(self, kind: Kind, status: int = 503, **options: object) -> Fault:
        """Add a rule: `faults.add("status", 504, when="after", times=3)`."""
        rule = Fault(kind, status, **options)  # type: ignore[arg-type]
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, if any."""
        with self._lock:
            for rule in self._rules:
                if rule.times <= 0 or rule.method not in (method, "*") or not re.search(rule.path, path):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                self.hits.append(rule)
                return rule
        return None
