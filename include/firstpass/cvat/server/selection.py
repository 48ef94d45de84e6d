"""What a `cvat:` URI names: tasks or projects, and which of their frames at which quality."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from firstpass.errors import FirstpassError

_CHOICES = {
    "policy": ("new", "empty", "all"),
    "quality": ("original", "compressed"),
    "status": ("annotation", "validation", "completed"),
}
_FIX = (
    "write cvat:task/12, cvat:task/12,13, cvat:project/3 or cvat:project/3,7?status=annotation; "
    "after the ?: " + ", ".join(f"{name}={'|'.join(values)}" for name, values in _CHOICES.items())
)


@dataclass(frozen=True, slots=True)
class Selection:
    """kind: `task` or `project`; numbers: their ids, several are several.

    status: only a project's tasks in it, None for all. quality: of the pictures that are read. policy: which frames
    are worth drafting. `new`: not where a person worked or a job is beyond annotation; `empty`: nor where anything at
    all lies but our own drafts; `all`: everywhere.
    """

    kind: str
    numbers: tuple[int, ...]
    status: str | None = None
    quality: str = "original"
    policy: str = "new"

    @classmethod
    def parse(cls, uri: str) -> Selection:
        """From `cvat:project/3?status=annotation`. Raises FirstpassError that shows the form."""
        match = re.fullmatch(r"cvat:(task|project)/(\d{1,9}(?:,\d{1,9})*)(?:\?([^#]*))?", uri)
        if not match:
            raise FirstpassError(f"images={uri!r} names nothing in CVAT", _FIX)
        kind, numbers, query = match.groups()
        options: dict[str, Any] = {}
        for name, value in parse_qsl(query or "", keep_blank_values=True):
            if value not in _CHOICES.get(name, ()):
                raise FirstpassError(f"images={uri!r}: {name}={value} is not known", _FIX)
            options[name] = value
        if kind == "task" and "status" in options:
            raise FirstpassError(f"images={uri!r}: status is for projects", _FIX)
        return cls(kind, tuple(dict.fromkeys(int(number) for number in numbers.split(","))), **options)

    def frame_uri(self, task: int, frame: int) -> str:
        """The image's URI: `cvat:task/12#34`; it carries the quality where that is not the original."""
        query = {"quality": self.quality} if self.quality != "original" else {}
        return f"cvat:task/{task}" + (f"?{urlencode(query)}" if query else "") + f"#{frame}"


def parse_frame(uri: str) -> tuple[int, str, int]:
    """Task, quality and frame of a frame's URI. Raises FirstpassError for a URI that is no frame's."""
    selection, _, frame = uri.partition("#")
    found = Selection.parse(selection)
    if found.kind != "task" or not frame.isdecimal():
        raise FirstpassError(f"{uri!r} names no frame in CVAT", "a frame is named like cvat:task/12#34")
    return found.numbers[0], found.quality, int(frame)
