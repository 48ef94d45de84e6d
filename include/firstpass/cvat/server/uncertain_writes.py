"""Writes whose fate is unknown: wait, look what they left, and go on from there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from firstpass.cvat.server.client import CvatDown, Unsure

log = logging.getLogger("firstpass")

TRIES = 10  # of one request whose fate is unknown, before we give up for now
FIRST_WAIT = 0.5  # seconds before we look whether a lost request was applied; doubled each time
LONGEST_WAIT = 20.0


def until_known(act: Callable[[], Any], look: Callable[[], Any]) -> None:
    """Act; where that leaves us in doubt, wait, look, and act on what is left.

    Raises CvatDown when it is still not known after TRIES.
    """
    wait = FIRST_WAIT
    for attempt in range(1, TRIES + 1):
        try:
            act()
            return
        except Unsure as doubt:
            if attempt == TRIES:
                raise CvatDown(f"after {TRIES} tries it is still not done: {doubt}") from None
            log.warning("%s (try %d); looking whether it was applied", doubt, attempt)
            time.sleep(max(wait, doubt.wait))
            wait = min(2 * wait, LONGEST_WAIT)
        look()
