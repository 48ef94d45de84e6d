"""Label mapping: which CVAT label each class of a model is drafted as, and why. One pure function, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from firstpass.contracts.class_table import ClassTable, ModelClass, normalise
from firstpass.cvat.server.labels import Label
from firstpass.errors import FirstpassError

IGNORE = "ignore"


class DecidedBy(StrEnum):
    """What decided. `ignored` and `unmatched` are drafted as nothing."""

    REVIEWED = "reviewed"  # a person said so in review_mapping
    EXACT = "exact"
    NORMALISED = "normalised"  # equal but for case, spaces, underscores, hyphens and Unicode's variants
    ALIAS = "alias"
    IGNORED = "ignored"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of the table: what becomes of one class.

    shape: `rectangle`, `polygon` or `mask`; None together with `label` when nothing is drafted. threshold: 0..1,
    detections below it are not drafted. reason: a sentence for the report.
    """

    class_id: int
    class_name: str
    how: DecidedBy
    reason: str
    label: Label | None = None
    shape: str | None = None
    threshold: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The form it has in the warehouse, in the report and in review_mapping's table."""
        return asdict(self) | {"how": self.how.value, "label": self.label.name if self.label else None}


@dataclass(frozen=True, slots=True)
class LabelRules:
    """What people said about mapping.

    aliases: class name → label name or `ignore`; used where names do not fit by themselves, but `ignore` always holds.
    reviewed: the same, answered in review_mapping; it goes before everything else. thresholds: class name → score.
    """

    aliases: Mapping[str, str]
    reviewed: Mapping[str, str]
    thresholds: Mapping[str, float]

    @classmethod
    def none(cls) -> Self:
        """No rules: names alone decide."""
        return cls({}, {}, {})


def map_labels(
    classes: ClassTable, labels: Sequence[Label], rules: LabelRules, *, outlines: bool
) -> tuple[Decision, ...]:
    """One decision a class, in the order of the class table.

    outlines: whether the model gives outlines; without them, labels that take only polygons or masks fit no class.
    Several classes may go to one label. Does not apply a policy to what is unmatched: see `settle`.
    """
    return tuple(_decide(c, labels, rules, outlines) for c in classes.classes)


def settle(decisions: Sequence[Decision], policy: str, where: str) -> bool:
    """Whether publishing may go on: False when the policy is `ask` and something is unmatched.

    Raises FirstpassError naming the unmatched classes when the policy is `fail`, or when nothing at all is matched.
    """
    unmatched = [d for d in decisions if d.how is DecidedBy.UNMATCHED]
    if unmatched and policy == "ask":
        return False
    if unmatched and (policy == "fail" or not any(d.label for d in decisions)):
        listed = "; ".join(f"{d.class_name} ({d.reason})" for d in unmatched[:10])
        rest = f" and {len(unmatched) - 10} more" if len(unmatched) > 10 else ""
        raise FirstpassError(
            f"{len(unmatched)} of {len(decisions)} classes have no label in {where}: {listed}{rest}",
            "add the labels in CVAT, give aliases (or `ignore`) in the labels file, or choose the policy drop or ask",
        )
    return True


def _decide(item: ModelClass, labels: Sequence[Label], rules: LabelRules, outlines: bool) -> Decision:
    threshold = rules.thresholds.get(item.name, 0.0)
    reasons: list[str] = []
    for how, found, reason in _candidates(item.name, labels, rules):
        if how is DecidedBy.IGNORED:
            return Decision(item.id, item.name, how, reason)
        shape, complaint = _shape(found, outlines) if len(found) == 1 else (None, reason)
        if shape:
            return Decision(item.id, item.name, how, reason, found[0], shape, threshold)
        reasons.append(complaint)
    return Decision(item.id, item.name, DecidedBy.UNMATCHED, "; ".join(reasons))


def _candidates(name: str, labels: Sequence[Label], rules: LabelRules) -> Iterator[tuple[DecidedBy, list[Label], str]]:
    """The steps in order: how, the labels that it finds, and the reason for taking the one or for taking none."""
    alias = _look_up(name, rules.aliases)
    if name in rules.reviewed:
        yield _by_rule(DecidedBy.REVIEWED, name, rules.reviewed[name], labels)
        return
    if alias == IGNORE:
        yield DecidedBy.IGNORED, [], f"the labels file says to ignore {name!r}"
    if exact := [label for label in labels if label.name == name]:
        yield DecidedBy.EXACT, exact, "same name"
    alike = [label for label in labels if normalise(label.name) == normalise(name)]
    if len(alike) == 1 and not exact:
        yield DecidedBy.NORMALISED, alike, f"{alike[0].name!r} but for case, spaces, underscores or hyphens"
    if len(alike) > 1 and not exact:
        names = " and ".join(repr(label.name) for label in alike)
        yield DecidedBy.NORMALISED, alike, f"{names} fit equally well: give an alias that says which"
    if alias is not None:
        yield _by_rule(DecidedBy.ALIAS, name, alias, labels)
    elif not alike:
        yield DecidedBy.UNMATCHED, [], "no label of this name"


def _by_rule(how: DecidedBy, name: str, target: str, labels: Sequence[Label]) -> tuple[DecidedBy, list[Label], str]:
    said = "the review" if how is DecidedBy.REVIEWED else "the labels file"
    if target == IGNORE:
        return DecidedBy.IGNORED, [], f"{said} says to ignore {name!r}"
    found = [label for label in labels if label.name == target]
    found = found or [label for label in labels if normalise(label.name) == normalise(target)]
    if not found:
        return how, [], f"{said} sends it to {target!r}, which does not exist here"
    if len(found) > 1:
        return how, found, f"{said} sends it to {target!r}, which {len(found)} labels fit"
    return how, found, f"{said} sends {name!r} to {found[0].name!r}"


def _look_up(name: str, aliases: Mapping[str, str]) -> str | None:
    """The alias of a class: by its very name first, then by the normalised one."""
    if name in aliases:
        return aliases[name]
    return next((target for key, target in aliases.items() if normalise(key) == normalise(name)), None)


def _shape(found: Sequence[Label], outlines: bool) -> tuple[str | None, str]:
    """The shape type that the one label takes from this model, or why it takes none."""
    (label,) = found
    if label.type == "rectangle" or (label.type == "any" and not outlines):
        return "rectangle", ""
    if label.type in ("polygon", "any") and outlines:
        return "polygon", ""
    if label.type == "mask" and outlines:
        return "mask", ""
    if label.type in ("polygon", "mask"):
        return None, f"label {label.name!r} takes {label.type}s, and this model gives boxes only"
    if label.type == "skeleton":
        return None, f"label {label.name!r} is a skeleton, which a detector cannot draw"
    return None, f"label {label.name!r} takes {label.type} shapes, and a detector draws none"
