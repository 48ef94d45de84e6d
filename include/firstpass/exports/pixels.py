"""Whether outlines say what a mask says, as COCO's own tools fill them; and the mask where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from firstpass.contracts.export_format import Draft
from firstpass.geometry import masks

_LEAST = 0.98  # intersection over union with the mask that outlines must reach to stand for it

Rings = list[list[NDArray[np.float64]]]


@dataclass(frozen=True, slots=True)
class PixelMask:
    """The pixels of a draft within a picture: `region`, uint8 [h, w], 1 inside, begins at `left`, `top`."""

    region: NDArray[np.uint8]
    left: int
    top: int

    def run_lengths(self, width: int, height: int) -> dict[str, Any]:
        """COCO's compressed run lengths over the whole picture: `size` (height, width) and `counts`."""
        whole = np.zeros((height, width), np.uint8, order="F")
        rows, columns = self.region.shape
        whole[self.top : self.top + rows, self.left : self.left + columns] = self.region
        counts = coco_mask.encode(whole)["counts"]
        return {"size": [height, width], "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def pixel_mask(draft: Draft, width: int, height: int) -> PixelMask | None:
    """The mask of a draft that outlines cannot stand for; None where they can, or must, or where there is no mask.

    They cannot where the mask has holes, where the label takes masks only, and where COCO's tools, which most readers
    use, fill them with an intersection over union below 0.98: ragged masks, and tiny ones.
    """
    if not draft.polygons or draft.shape not in ("", "mask"):
        return None
    parts = [[np.array(ring).reshape(-1, 2) for ring in part] for part in draft.polygons]
    found = masks.cropped(parts, (width, height))
    if found is None:
        return None
    region, left, top = found
    if not draft.shape and not any(len(part) > 1 for part in parts) and _agree(parts, region, left, top):
        return None
    return PixelMask(region, left, top)


def _agree(parts: Rings, region: NDArray[np.uint8], left: int, top: int) -> bool:
    height, width = region.shape
    flat: Any = [(part[0] - (left, top)).ravel().tolist() for part in parts]  # floats, which the stubs do not know
    filled = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, height, width)))
    both = int(np.count_nonzero(filled & region))
    return both >= _LEAST * int(np.count_nonzero(filled | region))
