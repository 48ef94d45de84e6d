from __future__ import annotations

from collections.abc import Callable

import pytest

from firstpass.quality import checks
from firstpass.quality.suites import suites


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`only("drift")`: runs are checked with this suite alone from now on, which is several times as quick."""

    def narrow(*names: str) -> None:
        monkeypatch.setattr(checks, "suites", lambda limits: tuple(s for s in suites(limits) if s.name in names))

    return narrow
