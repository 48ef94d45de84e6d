"""What is taken for a cron expression is what Airflow's timetable takes."""

from __future__ import annotations

import pytest
from airflow.timetables.trigger import CronTriggerTimetable

from firstpass.cron import checked


@pytest.mark.parametrize("expression", ["0 2 * * *", "*/15 8-18 * * 1-5", "0 2 1 jan mon", "@daily", "@quarterly"])
def test_a_cron_expression_is_taken_as_it_is(expression):
    assert checked(expression) == expression
    CronTriggerTimetable(expression, timezone="UTC").validate()


def test_empty_is_never():
    assert checked("") == ""


@pytest.mark.parametrize("expression", ["every night", "0 2 * *", "0 25 * * *", "* * * * fun", "@nightly", "2 am", "–"])
def test_anything_else_is_refused_with_an_example(expression):
    with pytest.raises(ValueError, match=r"this is not a cron expression; .*'0 2 \* \* \*' is every night"):
        checked(expression)


def test_a_day_that_never_comes_is_refused():
    with pytest.raises(ValueError, match="no date fits"):
        checked("0 2 31 2 *")
