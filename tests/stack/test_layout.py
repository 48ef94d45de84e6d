from __future__ import annotations

import threading
from pathlib import Path

import pytest

from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.stack.layout import Layout, layout, lock, make_layout, started_before


def test_the_instance_is_drawn_once(home):
    assert not started_before()
    first = make_layout()
    assert started_before()
    assert make_layout() == first == layout()
    assert len(first.instance) == 8


def test_a_stack_that_was_never_started_says_how_to_start_it(home):
    with pytest.raises(FirstpassError, match="never started") as error:
        layout()
    assert "firstpass up" in error.value.fix


def test_an_instance_file_that_was_cut_off_is_drawn_anew(home):
    (home / "var" / "instance").write_text("")
    assert not started_before()
    assert make_layout().instance


def test_two_clones_never_share_the_folder_that_root_keeps_data_in(home):
    first = make_layout()
    (home / "var" / "instance").unlink()  # what a fresh clone at the same path looks like
    assert (
        Layout(home, make_layout().instance, as_root=True).postgres
        != Layout(home, first.instance, as_root=True).postgres
    )


@pytest.mark.parametrize("folder", ["/srv/" + "deep/" * 30, "/srv/with space", "/srv/größe"])
def test_sockets_move_to_a_short_plain_path_where_the_home_has_none(folder):
    layout = Layout(Path(folder), "0a1b2c3d", as_root=False)
    assert layout.postgres_socket == Path("/tmp/firstpass-0a1b2c3d")
    assert layout.supervisor_socket == Path("/tmp/firstpass-0a1b2c3d/supervisor.sock")
    assert layout.postgres.is_relative_to(folder), "the data stay in the project"


def test_sockets_stay_at_home_where_they_fit():
    assert Layout(Path("/srv/firstpass"), "0a1b2c3d", as_root=False).runtime == Path("/srv/firstpass/var/run")


def test_folders_with_sockets_and_logs_are_closed_to_others(where):
    for folder in (where.runtime, where.logs):
        assert folder.stat().st_mode & 0o077 == 0


def test_what_comes_of_photographs_is_closed_to_others_in_an_older_installation_too(home, monkeypatch):
    elsewhere = home / "elsewhere"
    for folder in (home / "var", home / "logs", elsewhere / "runs", elsewhere / "somebody's"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o775)
    monkeypatch.setenv("FIRSTPASS_STORAGE", str(elsewhere))
    settings.cache_clear()
    make_layout()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (home / "var", home / "logs", *elsewhere.iterdir())}
    assert modes == {"var": 0o770, "logs": 0o770, "runs": 0o770, "somebody's": 0o775}
    assert elsewhere.stat().st_mode & 0o005, "a folder of the person's own"


def test_new_folders_are_closed_to_others(home):
    (home / "var").rmdir()
    with lock(print):
        make_layout()
    assert {(home / name).stat().st_mode & 0o777 for name in ("var", "logs")} == {0o750}


@pytest.mark.parametrize("name", ["a ;b", "a #b", "a\nb"])
def test_a_path_that_supervisord_would_cut_off_is_refused(home, name):
    with pytest.raises(FirstpassError, match="cannot be written") as error:
        Layout(home / name, "0a1b2c3d", as_root=False).prepare()
    assert "move the project" in error.value.fix


def test_a_home_that_cannot_be_written_is_named(home):
    (home / "var" / "log").write_text("a file where a folder should be")
    with pytest.raises(FirstpassError, match=str(home)) as error:
        make_layout()
    assert "FIRSTPASS_HOME" in error.value.fix


def test_the_second_of_two_commands_waits_and_says_so(home):
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with lock(said.append):
            order.append("second")

    with lock(said.append):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            assert thread.is_alive()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert said == ["Waiting for another firstpass command that starts or stops the stack"]
