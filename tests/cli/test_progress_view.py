from __future__ import annotations

import io
import re
from contextlib import suppress

import pytest
from rich.console import Console

from firstpass.api.run_watch import ImageCounts, StageProgress
from firstpass.cli.progress_view import LiveView, PlainView, clock, progress_view
from firstpass.contracts.stages import STAGES
from firstpass.errors import FirstpassError


def stages(**states: tuple[str, float]) -> list[StageProgress]:
    return [StageProgress(name, *states.get(name, ("waiting", 0.0))) for name in STAGES]


def test_plain_lines_tell_each_stage_once_and_have_no_control_codes(capsys):
    with PlainView(every=0) as view:
        view.show(stages(resolve_model=("running", 1.0)), ImageCounts(0, 0))
        view.show(stages(resolve_model=("done", 1.2), infer=("running", 4.0)), ImageCounts(20, 100))
        view.show(stages(resolve_model=("done", 1.2), infer=("done", 20.0)), ImageCounts(100, 100))
        view.show(
            stages(resolve_model=("done", 1.2), infer=("done", 20.0), merge=("failed", 2.0)), ImageCounts(100, 100)
        )
        view.show(
            stages(resolve_model=("done", 1.2), infer=("done", 20.0), check=("skipped", 0.0)), ImageCounts(100, 100)
        )
    captured = capsys.readouterr()
    assert captured.out == "", "stdout is for results"
    assert captured.err.splitlines() == [
        "resolve model     1.2 s",
        "infer             20/100 images, 5.0 images/s, 16 s left",
        "infer             100 images, 20.0 s",
        "merge             failed after 2.0 s",
        "check             nothing to do",
    ]


def test_within_infer_plain_lines_are_seconds_apart(capsys):
    with PlainView(every=60) as view:
        for done in range(10):
            view.show(stages(infer=("running", 4.0)), ImageCounts(done, 100))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("infer", "images", "words"),
    [
        (("running", 10.0), ImageCounts(50, 3000), "50/3,000 images, 5.0 images/s, 10 min left"),
        (("running", 3600.0), ImageCounts(1000, 3000), "1,000/3,000 images, 0.3 images/s, 2.0 h left"),
        (("running", 0.5), ImageCounts(0, 3000), "0/3,000 images"),
        (("done", 600.0), ImageCounts(3000, 3000), "3,000 images, 600.0 s"),
        (("failed", 600.0), ImageCounts(3, 3000), "failed after 600.0 s"),
    ],
)
def test_live_bars_show_images_rate_and_time_left(infer, images, words):
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with LiveView(console) as view:
        view.show(stages(resolve_model=("done", 1.2), infer=infer), images)
    assert words in console.file.getvalue()
    assert "1.2 s" in console.file.getvalue()


def test_a_start_moves_at_once_and_shows_no_stage_before_there_is_a_run():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with LiveView(console) as view:
        shown = console.file.getvalue()
        assert re.search(r"start .* 0 s", shown), "the start is seen before anything is said"
        view.say("Starting [PostgreSQL]")
        assert "0:00  Starting [PostgreSQL]\n" in console.file.getvalue()
        assert "resolve model" not in console.file.getvalue()
        view.show(stages(), ImageCounts(0, 0))
        view.say("Airflow's API does not answer")
        view.show(stages(), ImageCounts(0, 0))
    assert "resolve model" in console.file.getvalue()
    assert console.file.getvalue().count("0:00  The stack is up\n") == 1


def test_a_start_that_is_refused_leaves_no_bar_behind():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with suppress(FirstpassError), LiveView(console):
        before = len(console.file.getvalue())
        raise FirstpassError("there is no such folder", "check the spelling")
    assert not re.search("[a-z]{3}", console.file.getvalue()[before:])


def test_plain_lines_of_a_start_have_the_time_in_front(capsys):
    with PlainView() as view:
        view.say("Starting PostgreSQL")
        assert capsys.readouterr().err == "0:00  Starting PostgreSQL\n"
        view.show(stages(), ImageCounts(0, 0))
        assert capsys.readouterr().err == "0:00  The stack is up\n"
        view.say("Airflow's API does not answer")
        view.show(stages(), ImageCounts(0, 0))
        assert capsys.readouterr().err == "0:00  Airflow's API does not answer\n", "that is no start"
    assert [clock(seconds) for seconds in (7.9, 60, 3725)] == ["0:07", "1:00", "62:05"]


@pytest.mark.usefixtures("capsys")
def test_a_pipe_gets_lines():
    assert isinstance(progress_view(), PlainView)
