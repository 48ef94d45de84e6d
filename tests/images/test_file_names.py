"""What counts as an image, by its name alone."""

from __future__ import annotations

import pytest

from firstpass.images.file_names import EXTENSIONS, looks_like_image, no_images

KNOWN = ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "bmp", "dib", "tif", "tiff"]
KNOWN += ["ppm", "pgm", "pbm", "pnm", "avif", "heic", "heif"]


@pytest.mark.parametrize("ending", KNOWN)
def test_the_end_of_a_name_tells_in_any_case(ending):
    assert looks_like_image(f"a.{ending}")
    assert looks_like_image(f"A.B.{ending.upper()}")


@pytest.mark.parametrize("name", ["a", "jpg", ".jpg", ".a.jpg", "a.jpg.txt", "a.", "a.jpg ", "a.svg", "a.jpgx", ""])
def test_hidden_files_and_other_endings_are_none(name):
    assert not looks_like_image(name)


def test_an_address_without_images_is_told_with_the_endings():
    error = no_images("/photos")
    assert error.problem == "images='/photos' holds no images"
    assert error.fix.endswith(", ".join(sorted(EXTENSIONS)))
    assert {f".{ending}" for ending in KNOWN} == EXTENSIONS
