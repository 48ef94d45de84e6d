"""Where images come from: the Protocol of a source, and what reading one image may end with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome

ImageNamer = Callable[[ImageRef], str]
"""An image → its name in exports and pages."""


NEEDS_MEMORY = "needs more memory than there is"
"""How the reason begins where there was not enough: it depends on the moment, so it is not remembered."""


class UnreadableImage(Exception):
    """This image cannot be used; the message is one sentence that says why. It never stops a run."""


class MissingImage(Exception):
    """The image was listed but cannot be had; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that a source met, and that no image is to be fetched from: a row of its own in the run.

    uri: its address; that of a folder whose content could not be listed ends in a slash, and fails a critical check.
    reason: one sentence that says why, and what to do. outcome: UNREADABLE, or MISSING for what is not there.
    It is never opened, and looked at anew in every run.
    """

    uri: str
    reason: str
    outcome: Outcome = Outcome.UNREADABLE


class ImageSource(Protocol):
    """The images of one URI scheme, found by an entry point of the group `firstpass.sources` named like the scheme.

    Implement `list` and `fetch`, and inherit the rest. The object is shared by the threads of a process, and made in
    pods too, where there is neither Airflow nor a warehouse: `check` and `list` run beside Airflow, `expect` and
    `fetch` in the process that runs the network.

    takes_drafts: whether drafts can be brought back to where the images come from.
    """

    takes_drafts: bool = False

    def list(self, uri: str) -> Iterator[ImageRef | LeftOut]:
        """Every image that `uri` names, always in the same order, one at a time.

        What might be an image, or hold some, and cannot be looked at comes as a LeftOut: none is dropped in silence.
        Raises FirstpassError when there is no image, or when the address cannot be read, and Unavailable when it may be
        read later. A listing that breaks off raises too: it never ends early.
        """
        ...

    def fetch(self, ref: ImageRef) -> bytes:
        """The bytes of one image, whole, in memory; many threads ask at once.

        Raises MissingImage (or FileNotFoundError, PermissionError) for an image that cannot be had, UnreadableImage (or
        another OSError) for one that cannot be read. Anything else is no fault of the image: it ends the chunk, which
        is tried again.
        """
        ...

    def check(self, uri: str) -> None:
        """Refuse an address that is wrong beyond doubt, before anything else is done. Raises FirstpassError."""
        del uri

    def expect(self, refs: Iterable[ImageRef]) -> None:
        """These images will be fetched soon: for a source that reads several at once."""
        del refs

    def environment(self) -> dict[str, str]:
        """What the process that fetches must have in its environment, beyond what it inherits: credentials."""
        return {}

    def reaches_pods(self) -> bool:
        """Whether a pod of a cluster can fetch these images; False for what lies on this machine."""
        return True

    def namer(self, uri: str, common_folder: str, tasks: int) -> ImageNamer:
        """How the images of a run over `uri` are named: unless told otherwise, relative to it.

        common_folder: what all of the run's image URIs begin with, up to a slash. tasks: CVAT tasks that they are of.
        """
        del common_folder, tasks
        root = uri.rstrip("/") + "/"
        return lambda ref: ref.uri.removeprefix(root)

    def reading_note(self, uri: str, seconds: float) -> str | None:
        """A line for the report about how the images were read, in `seconds` added up over threads; None for none."""
        del uri, seconds
        return None
