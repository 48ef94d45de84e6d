"""What a source of images inherits where it says nothing itself."""

from __future__ import annotations

import pytest

from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageSource


class Tape(ImageSource):
    """Somebody's own source."""

    def list(self, uri):
        yield ImageRef(f"{uri}/a", 1, "e")

    def fetch(self, ref):
        return b""


TAPE = Tape()


def test_it_refuses_and_expects_and_needs_nothing():
    TAPE.check("tape:anything")
    TAPE.expect([ImageRef("tape:1", 1, "e")])
    assert TAPE.environment() == {}
    assert TAPE.reading_note("tape:1", 12.0) is None


def test_its_images_are_reached_from_anywhere_and_take_no_drafts():
    assert TAPE.reaches_pods() is True
    assert TAPE.takes_drafts is False


@pytest.mark.parametrize("uri", ["tape:reel", "tape:reel/"])
def test_images_are_named_relative_to_what_was_asked_for(uri):
    name = TAPE.namer(uri, "tape:reel/a/", 0)
    assert name(ImageRef("tape:reel/a/b.jpg", 1, "e")) == "a/b.jpg"
    assert name(ImageRef("tape:reels/b.jpg", 1, "e")) == "tape:reels/b.jpg", (
        "another folder's images keep all of theirs"
    )
