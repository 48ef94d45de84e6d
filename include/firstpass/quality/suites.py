"""What is expected of a run's data: every expectation in one place, with its severity and a sentence for people.

A suite looks at one batch: the SQL of that name in batches/. Where a batch has one row for the whole run, an
expectation bounds a column; where it has one row per image, a column holds the image's name if something is wrong with
it and null otherwise, and the expectation is that it is null throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from firstpass.settings import Settings


@dataclass(frozen=True, slots=True)
class Expectation:
    """One rule. `column` of the batch is its name; `sentence` says it in a labeller's words.

    minimum, maximum: bounds, inclusive, for a batch of one row; neither for a rule about every row. A number that is
    null had nothing to check, and so had a rule without a row. among: the batch's column that is true in the rows that
    the rule is about; all rows where it is empty. shown: the format string of the value.
    """

    severity: Literal["critical", "warning"]
    column: str
    sentence: str
    minimum: float | None = None
    maximum: float | None = None
    shown: str = "{:,.0f}"
    among: str = ""

    @property
    def bounds(self) -> bool:
        """Whether it bounds one number rather than looking at every row."""
        return self.minimum is not None or self.maximum is not None


@dataclass(frozen=True, slots=True)
class Suite:
    """Expectations about one batch.

    rows: what a row of it is called. absent: why there may be nothing to check.
    """

    name: str
    title: str
    rows: str
    expectations: tuple[Expectation, ...]
    absent: str = "nothing to look at in this run"


_critical = partial(Expectation, "critical")
_warning = partial(Expectation, "warning")


def suites(limits: Settings) -> tuple[Suite, ...]:
    """All of them, the most important first. A failed critical expectation keeps the drafts from being published."""
    return (_run(limits), _detections(limits), _polygons(), _drift(limits), _images(limits), _classes())


def _run(limits: Settings) -> Suite:
    share = partial(_warning, shown="{:.1%}")
    unreadable, empty, copies = limits.check_unreadable, limits.check_empty, limits.check_duplicates
    return Suite(
        "run",
        "The run",
        "run",
        (
            _critical("images_without_outcome", "Every image that was listed has one outcome.", maximum=0),
            _critical("folders_not_listed", "Every folder of the source could be listed.", maximum=0),
            _critical("chunks_not_merged", "Every planned chunk was merged or is known to have failed.", maximum=0),
            _warning("chunks_failed", "No chunk failed.", maximum=0),
            _warning("chunks_without_gpu", "Every chunk that asked for a GPU ran on one.", maximum=0),
            share("unreadable_rate", f"At most {unreadable:.0%} of the images cannot be read.", maximum=unreadable),
            share("empty_rate", f"At most {empty:.0%} of the images have no draft.", maximum=empty),
            share("duplicate_rate", f"At most {copies:.0%} of the images are duplicates.", maximum=copies),
            share(
                "speed",
                f"Images are inferred at {limits.check_speed:.0%} or more of the usual speed.",
                minimum=limits.check_speed,
            ),
        ),
    )


def _detections(limits: Settings) -> Suite:
    return Suite(
        "detections",
        "Detections",
        "images",
        (
            _critical("box_outside_image", "Every box lies inside its image."),
            _critical("box_without_area", "Every box has an area."),
            _critical("score_outside_range", "Every score lies between 0 and 1."),
            _critical("score_below_floor", "Every detection reaches the floor."),
            _critical("class_not_in_table", "Every detection's class is in the model's class table."),
            _warning("too_many_boxes", f"No image has more than {limits.check_boxes} drafts.", among="has_drafts"),
            _warning(
                "boxes_overlap",
                f"No two drafts of one class lie on the same object (overlap above {limits.check_overlap:.0%}).",
                among="has_several_drafts",
            ),
        ),
    )


def _polygons() -> Suite:
    return Suite(
        "polygons",
        "Polygons",
        "images",
        (
            _critical("polygon_broken", "Every polygon has three points or more."),
            _critical("polygon_outside_image", "Every polygon lies inside its image."),
            _warning("polygon_missing", "Every detection of a model with masks has a polygon."),
            _warning("polygon_crosses_itself", "No polygon's outline crosses or touches itself."),
        ),
    )


def _drift(limits: Settings) -> Suite:
    usual = f"a stability index of {{:.2f}}; up to {limits.check_drift:g} is usual"
    like = partial(_warning, maximum=limits.check_drift, shown=usual)
    return Suite(
        "drift",
        "Drift",
        "run",
        (
            like("class_drift", "The mix of classes is as in the model's earlier runs over these images."),
            like("score_drift", "The scores are distributed as in the model's earlier runs over these images."),
            like("boxes_drift", "There are as many drafts per image as in the model's earlier runs over these images."),
            like("size_drift", "The boxes are as large as in the model's earlier runs over these images."),
        ),
        absent=f"nothing to compare with: {limits.check_drift_samples} samples are needed, now and in earlier runs",
    )


def _images(limits: Settings) -> Suite:
    side = limits.check_side
    return Suite(
        "images",
        "Images",
        "images",
        (
            _warning("image_too_small", f"Every image is at least {side} pixels wide and high."),
            _warning("image_nearly_black", "No image is nearly black.", among="has_brightness"),
        ),
    )


def _classes() -> Suite:
    return Suite(
        "classes",
        "Class table",
        "classes",
        (
            _critical("class_unnamed", "Every class has a name."),
            _critical("class_repeated", "No two classes have the same name."),
        ),
    )
