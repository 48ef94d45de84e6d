"""docs/reference/dags.md: every DAG with its documentation, its schedule and its parameters, as Airflow reads them."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from firstpass.settings import Settings, home, settings
from reference_pages.markdown import GENERATED, line, prose, table

_INTRODUCTION = """# DAGs

Four DAGs run in Airflow. *Trigger* in Airflow's UI shows a DAG's parameters as a form; `airflow dags trigger` takes
them as JSON (`--conf`). Cron expressions are in UTC.
"""


def page(folder: Path) -> str:
    """The page's Markdown."""
    logging.disable(logging.WARNING)
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(folder)
    assert not bag.import_errors, bag.import_errors
    dags = [bag.dags[name] for name in sorted(bag.dags)]
    return "\n".join([GENERATED, _INTRODUCTION, *map(_section, dags)])


def _section(dag: Any) -> str:
    text = prose(re.sub(r"^## (.*)", r"**\1.**", dag.doc_md.strip(), flags=re.MULTILINE))
    rows = [(f"`{name}`", *_parameter(name, dag.params.get_param(name))) for name in dag.params]
    parameters = table(("parameter", "title in the form", "default", "description"), rows)
    return f"## `{dag.dag_id}`\n\n{text}\n\n**Schedule.** {_schedule(dag.timetable)}\n\n{parameters}"


def _schedule(timetable: Any) -> str:
    asset = re.search(r"AssetNameRef\(name='(\w+)'\)", repr(timetable))
    cron = re.search(r"expression='([^']+)'", repr(timetable))
    if cron is None:
        return "None: it is started by another DAG or by hand."
    when = "`FIRSTPASS_SCHEDULE`, by default " if cron[1] == settings().schedule else ""
    after = f", and whenever a task updates the asset `{asset[1]}`" if asset else ""
    return f"{when}`{cron[1]}`{after}."


def _parameter(name: str, param: Any) -> tuple[str, str, str]:
    """Title, default and description. A default that is a setting is shown as that setting."""
    value = param.value
    if name in Settings.model_fields and value == getattr(settings(), name):
        default = f"`FIRSTPASS_{name.upper()}`"
    elif value in (None, "", {}):
        default = "empty"
    else:
        default = f"`{json.dumps(value).replace(f'{home()}/', '')}`"
    return param.schema["title"], default, line(param.schema["description_md"])
