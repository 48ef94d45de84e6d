"""A folder without images is refused before a run; one that has any, or cannot be looked into, is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstpass.errors import FirstpassError
from firstpass.images.empty_folder import refuse_empty


def test_a_folder_without_any_image_is_refused_by_name(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "notes.txt").touch()
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "thumbnail.jpg").touch()
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    with pytest.raises(FirstpassError, match="holds no images") as refused:
        refuse_empty(str(tmp_path))
    assert str(tmp_path) in refused.value.problem
    assert ".jpg" in refused.value.fix


@pytest.mark.parametrize("name", ["a.JPG", "deep/er/b.png"])
def test_one_image_anywhere_is_enough(tmp_path, name):
    image = tmp_path / name
    image.parent.mkdir(parents=True, exist_ok=True)
    image.touch()
    refuse_empty(str(tmp_path))


def test_a_link_to_a_folder_of_images_elsewhere_counts(tmp_path):
    source, elsewhere = tmp_path / "source", tmp_path / "elsewhere"
    for folder in (source, elsewhere):
        folder.mkdir()
    (elsewhere / "a.jpg").touch()
    (source / "link").symlink_to(elsewhere)
    refuse_empty(str(source))


def test_an_image_that_cannot_be_opened_is_for_the_run_to_tell(tmp_path):
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    refuse_empty(str(tmp_path))


def test_a_folder_that_cannot_be_listed_is_not_judged(tmp_path: Path):
    refuse_empty(str(tmp_path / "gone"))
