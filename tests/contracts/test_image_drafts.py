"""The drafts of one image."""

from __future__ import annotations

import numpy as np
import pytest

from firstpass.contracts.image_drafts import ImageDrafts


@pytest.mark.parametrize("count", [0, 1, 3])
def test_its_length_is_the_number_of_drafts(count):
    drafts = ImageDrafts(
        uri="file:///a.jpg",
        task=None,
        frame=None,
        width=8,
        height=6,
        orientation=None,
        revision=1,
        numbers=range(1, count + 1),
        class_ids=[1] * count,
        scores=[0.5] * count,
        boxes=np.zeros((count, 4)),
        polygons=None,
    )
    assert len(drafts) == count
