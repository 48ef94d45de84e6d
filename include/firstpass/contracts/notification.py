"""A notification about a run, and the Protocol of what delivers it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Notification:
    """A title, a few lines, where to look; `facts` are for machines.

    event: warnings, held back (a critical check failed), failed or late.
    """

    event: str
    run_id: str
    title: str
    lines: tuple[str, ...]
    url: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def html(self) -> str:
        """The body of an e-mail."""
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.lines)
        return f'<h2>{escape(self.title)}</h2>{lines}<p><a href="{escape(self.url)}">Open the report</a></p>'

    @property
    def payload(self) -> dict[str, Any]:
        """For machines, ready for JSON; `text` is what chat services show."""
        return {"text": "\n".join((self.title, *self.lines, self.url)), **asdict(self)}


class Notifier(Protocol):
    """A way to tell people about a run, found by an entry point of the group `firstpass.notifiers`."""

    def configured(self) -> bool:
        """Whether anybody is to be told this way. Called when a DAG file is read: be quick, and ask no service."""

    def send(self, notification: Notification) -> None:
        """Deliver it, once. Runs in a process of Airflow's. May raise: that is logged, and never costs a run."""
