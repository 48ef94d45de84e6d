"""What is expected of a run's data: every expectation in one place, with its severity and a sentence for people.

A suite looks at one batch: the SQL of that name in batches/. Where a batch has one row for the whole run, an
expectation bounds a column; where it has one row an image, a column holds the image's name if something is wrong with
it and null otherwise, and the expectation is that it is null throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firstpass.settings import Settings

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One rule. `column` of the batch is its name; `sentence` says it as a labeller would.

    minimum, maximum: bounds, inclusive, for a batch of one row; neither for a rule about every row.
    percent: the value is a share and is shown as one.
    """

    column: str
    severity: Severity
    sentence: str
    minimum: float | None = None
    maximum: float | None = None
    percent: bool = False

    @property
    def bounds(self) -> bool:
        """Whether it bounds one number rather than looking at every row."""
        return self.minimum is not None or self.maximum is not None


@dataclass(frozen=True, slots=True)
class Suite:
    """Expectations about one batch. `rows` names what a row of it is."""

    name: str
    title: str
    rows: str
    expectations: tuple[Expectation, ...]


def suites(limits: Settings) -> tuple[Suite, ...]:
    """All of them, the most telling first. A failed critical expectation keeps the drafts from being published."""
    return (
        Suite(
            "run",
            "The run",
            "run",
            (
                Expectation(
                    "images_without_outcome", "critical", "Every image that was listed has one outcome.", maximum=0
                ),
                Expectation(
                    "chunks_not_merged",
                    "critical",
                    "Every planned chunk was merged or is known to have failed.",
                    maximum=0,
                ),
                Expectation("chunks_failed", "warning", "No chunk failed.", maximum=0),
                Expectation(
                    "unreadable_rate",
                    "warning",
                    f"At most {limits.check_unreadable:.0%} of the images cannot be read.",
                    maximum=limits.check_unreadable,
                    percent=True,
                ),
                Expectation(
                    "empty_rate",
                    "warning",
                    f"The model finds nothing in at most {limits.check_empty:.0%} of the images.",
                    maximum=limits.check_empty,
                    percent=True,
                ),
                Expectation(
                    "duplicate_rate",
                    "warning",
                    f"At most {limits.check_duplicates:.0%} of the images are copies of another under a second name.",
                    maximum=limits.check_duplicates,
                    percent=True,
                ),
            ),
        ),
        Suite(
            "detections",
            "Detections",
            "images",
            (
                Expectation("box_outside_image", "critical", "Every box lies inside its image."),
                Expectation("box_without_area", "critical", "Every box has an area."),
                Expectation("score_outside_range", "critical", "Every score lies between 0 and 1."),
                Expectation("score_below_threshold", "critical", "Every detection reaches the threshold of its class."),
                Expectation("class_not_in_table", "critical", "Every detection's class is in the model's class table."),
                Expectation("too_many_boxes", "warning", f"No image has more than {limits.check_boxes} detections."),
                Expectation(
                    "boxes_overlap",
                    "warning",
                    f"No two boxes of one class cover the same object (overlap above {limits.check_overlap:.0%}).",
                ),
            ),
        ),
        Suite(
            "images",
            "Images",
            "images",
            (
                Expectation(
                    "image_too_small", "warning", f"Every image is at least {limits.check_side} pixels wide and high."
                ),
            ),
        ),
        Suite(
            "classes",
            "Class table",
            "classes",
            (
                Expectation("class_unnamed", "critical", "Every class has a name."),
                Expectation("class_repeated", "critical", "No two classes have the same name."),
            ),
        ),
    )
