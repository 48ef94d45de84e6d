"""Cron expressions, checked as Airflow's timetable will read them."""

from __future__ import annotations

from datetime import UTC, datetime

EXAMPLE = "write minute, hour, day, month and weekday: '0 2 * * *' is every night at 2:00 UTC"

# Airflow has names for these.
_PRESETS = {"@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"}


def checked(expression: str) -> str:
    """The expression, if it is one and comes true some day; empty stands for never.

    Raises ValueError with a sentence otherwise. Believes everything where Airflow's reader of cron expressions is not
    installed: nothing is scheduled there.
    """
    if not expression or expression in _PRESETS:
        return expression
    try:
        from croniter import (  # type: ignore[import-untyped]
            CroniterBadDateError,
            CroniterError,
            croniter,
        )
    except ModuleNotFoundError:
        return expression
    try:
        croniter(expression, datetime.now(UTC)).get_next()
    except CroniterBadDateError:
        raise ValueError(f"no date fits this cron expression; {EXAMPLE}") from None
    except (CroniterError, ValueError, KeyError):
        raise ValueError(f"this is not a cron expression; {EXAMPLE}") from None
    return expression
