"""An export appears whole or not at all, and never over what a person made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstpass.errors import FirstpassError
from firstpass.exports.replacing import replacing

NOTE = ".firstpass-export.json"


def bring(out: Path, files: Mapping[str, str], format: str = "coco") -> None:  # noqa: A002
    with replacing(out, format, "Firstpass") as folder:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def files_in(out: Path) -> dict[str, str]:
    """What lies below, but for the note of what was written."""
    files = (path for path in out.rglob("*") if path.is_file() and path.name != NOTE)
    return {path.relative_to(out).as_posix(): path.read_text(errors="replace") for path in files}


def test_files_are_moved_below_a_folder_that_is_made(tmp_path):
    out = tmp_path / "new" / "folder"
    bring(out, {"a.json": "1", "deep/er/b.json": "2"})
    assert files_in(out) == {"a.json": "1", "deep/er/b.json": "2"}
    assert json.loads((out / NOTE).read_text()) == {"coco": ["a.json", "deep/er/b.json"]}
    assert sorted(path.name for path in out.iterdir()) == [NOTE, "a.json", "deep"], "nothing of the way there is left"


def test_work_is_done_beside_the_place_where_it_goes(tmp_path):
    """A rename brings it in, whatever file system the folder is on; listings without dots do not show it."""
    with replacing(tmp_path, "coco", "Firstpass") as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".firstpass-")


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_persons_umask_says_who_may_read_what_was_written(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with replacing(tmp_path, "coco", "Firstpass") as folder:
            (folder / "a.json").touch(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == mode


def test_an_earlier_export_is_replaced_and_what_it_had_beyond_the_new_one_goes(tmp_path):
    bring(tmp_path, {"a.json": "1", "b.json": "1"})
    bring(tmp_path, {"a.json": "2", "c.json": "2"})
    assert files_in(tmp_path) == {"a.json": "2", "c.json": "2"}
    assert json.loads((tmp_path / NOTE).read_text()) == {"coco": ["a.json", "c.json"]}


def test_exports_in_other_formats_stay_beside(tmp_path):
    bring(tmp_path, {"a.json": "1", "shared.json": "1"}, "coco")
    bring(tmp_path, {"b.xml": "2", "shared.json": "2"}, "cvat")
    assert files_in(tmp_path) == {"a.json": "1", "b.xml": "2", "shared.json": "2"}
    assert json.loads((tmp_path / NOTE).read_text()) == {
        "coco": ["a.json", "shared.json"],
        "cvat": ["b.xml", "shared.json"],
    }


def test_a_file_that_two_formats_wrote_stays_with_the_one_that_still_has_it(tmp_path):
    bring(tmp_path, {"a.json": "1", "shared.json": "1"}, "coco")
    bring(tmp_path, {"b.xml": "2", "shared.json": "2"}, "cvat")
    bring(tmp_path, {"a.json": "3"}, "coco")
    assert files_in(tmp_path) == {"a.json": "3", "b.xml": "2", "shared.json": "2"}
    bring(tmp_path, {"b.xml": "4"}, "cvat")
    assert files_in(tmp_path) == {"a.json": "3", "b.xml": "4"}


def test_a_file_that_names_the_author_in_its_first_bytes_is_one_of_ours(tmp_path):
    (tmp_path / "a.json").write_text("x" * 4087 + "Firstpass")
    bring(tmp_path, {"a.json": "1"})
    assert files_in(tmp_path) == {"a.json": "1"}


@pytest.mark.parametrize("text", ["", "{}", "firstpass", "x" * 4088 + "Firstpass", "\udc80" * 10])
def test_a_file_of_somebody_elses_is_in_the_way(tmp_path, text):
    (tmp_path / "b.json").write_text(text, errors="surrogateescape")
    before = files_in(tmp_path)
    with pytest.raises(FirstpassError, match=r"b\.json is there already and was not written by Firstpass"):
        bring(tmp_path, {"a.json": "1", "b.json": "1"})
    assert files_in(tmp_path) == before, "nothing was replaced before it was seen"
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_a_person_who_takes_the_place_of_a_file_that_goes_is_not_asked(tmp_path):
    """What an earlier export wrote is ours to take away; a file beside it never is."""
    bring(tmp_path, {"a.json": "1", "b.json": "1"})
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "b.json").unlink()
    bring(tmp_path, {"a.json": "2"})
    assert files_in(tmp_path) == {"a.json": "2", "notes.txt": "mine"}


def failing(path: Path) -> None:
    path.write_text("half")
    raise KeyError


def test_an_export_that_fails_leaves_the_earlier_one_as_it_was(tmp_path):
    bring(tmp_path, {"a.json": "1"})
    with pytest.raises(KeyError):  # noqa: SIM117 - the block is what raises
        with replacing(tmp_path, "coco", "Firstpass") as folder:
            failing(folder / "a.json")
    assert files_in(tmp_path) == {"a.json": "1"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [NOTE, "a.json"]


@pytest.mark.parametrize(
    "note",
    [
        "", "{", "[]", "null", '{"coco": 7}', '{"coco": [7]}', '{"coco": null}', '"text"',
        '{"coco": ["../outside.txt"]}', '{"coco": ["FOLDER/outside.txt"]}', '{"coco": ["sub/../../outside.txt"]}',
        '{"coco": ["a.json", "../outside.txt"]}',
    ],
)  # fmt: skip
def test_a_note_that_is_damaged_or_leads_out_of_the_folder_counts_for_nothing(tmp_path, note):
    out, outside = tmp_path / "out", tmp_path / "outside.txt"
    out.mkdir()
    outside.write_text("mine")
    (out / "sub").mkdir()
    (out / NOTE).write_text(note.replace("FOLDER", str(tmp_path)))
    bring(out, {"a.json": "1"})
    assert outside.read_text() == "mine"
    assert json.loads((out / NOTE).read_text()) == {"coco": ["a.json"]}


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(FirstpassError, match="cannot write") as caught:
            bring(out, {"a.json": "1"})
        assert "another folder" in caught.value.fix


def test_what_goes_wrong_while_it_is_written_names_the_file(tmp_path):
    with pytest.raises(FirstpassError, match=r"cannot write .*a\.json: No space left on device"):  # noqa: SIM117
        with replacing(tmp_path, "coco", "Firstpass"):
            raise OSError(28, "No space left on device", "a.json")
    with pytest.raises(FirstpassError, match=f"cannot write {tmp_path}: odd"):  # noqa: SIM117
        with replacing(tmp_path, "coco", "Firstpass"):
            raise OSError("odd")


names = st.sampled_from(["a.json", "b.json", "sub/a.json", "sub/c.json", "d"])
exported = st.dictionaries(names, st.text("xyz", max_size=3), min_size=1)


@settings(max_examples=40, deadline=None)  # each file is brought to the disk
@given(
    strangers=st.dictionaries(names, st.text("xyz", max_size=3)),
    exports=st.lists(st.tuples(st.sampled_from(["coco", "cvat"]), exported), max_size=4),
)
def test_a_strangers_file_is_never_lost(strangers, exports):
    """Whatever is exported over whatever lies there, in whichever order."""
    with TemporaryDirectory() as folder:
        out = Path(folder)
        for name, text in strangers.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text)
        ours: dict[str, str] = {}
        written: dict[str, set[str]] = {}
        for format_, files in exports:
            if strangers.keys() & files.keys():
                with pytest.raises(FirstpassError, match="not written by Firstpass"):
                    bring(out, files, format_)
                continue
            bring(out, files, format_)
            ours |= files
            written[format_] = set(files)
            still_wanted = set().union(*written.values())
            ours = {name: text for name, text in ours.items() if name in still_wanted}
        assert files_in(out) == ours | strangers
