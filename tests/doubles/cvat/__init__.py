"""A CVAT server for tests: a real socket, requests and answers held against CVAT's own SDK, and faults by script.

>>> with CvatDouble() as cvat:
...     task = cvat.state.add_task("night", labels=["person"], frames=[jpeg])
...     cvat.faults.add("status", 504, when="after", method="PATCH")
"""

from doubles.cvat.faults import Fault, Faults
from doubles.cvat.server import CvatDouble
from doubles.cvat.state import Frame, Job, Label, Project, State, Task

__all__ = ["CvatDouble", "Fault", "Faults", "Frame", "Job", "Label", "Project", "State", "Task"]
