"""Reads weights and tries them under limits: a program, with the arguments of `main`.

A question a line on standard input, an answer a line on standard output, both JSON. Nothing is unpickled. An answer is
one of

- {"class_count": 80, "has_masks": false}: to {"ask": "inspect"}
- {"faults": ["…"]}: to {"ask": "probe", "version": <model.json>}
- {"refused": ["problem", "what to do"]}: the weights are at fault
- {"unusable": ["problem", "what to do"]}: this installation lacks what they need
- {"memory": true}: there was not enough memory for them
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from firstpass.models.checking.confinement import confine


def main(parent: str, seconds: str, memory: str, kind: str, folder: str) -> None:
    """Answer until standard input ends."""
    confine(int(parent), float(seconds), int(memory))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what native libraries print is no answer
    for line in sys.stdin:
        answer = _answered(json.loads(line), kind, Path(folder))
        print(json.dumps(answer), file=answers, flush=True)


def _answered(question: dict[str, Any], kind: str, folder: Path) -> dict[str, Any]:
    from firstpass.errors import FirstpassError

    try:
        return _inspected(kind, folder) if question["ask"] == "inspect" else _probed(question["version"], folder)
    except MemoryError:
        return {"memory": True}
    except FirstpassError as error:
        lacking = isinstance(error.__cause__, ModuleNotFoundError)
        return {"unusable" if lacking else "refused": [error.problem, error.fix]}
    except Exception as error:  # whatever reading foreign weights raises is a reason to refuse them
        problem = f"its weights cannot be read: {type(error).__name__}: {str(error)[:300]}"
        return {"refused": [problem, "save or export the model again, and copy all of its files"]}


def _inspected(kind: str, folder: Path) -> dict[str, Any]:
    from firstpass.models import kinds

    found = kinds.inspect(kind, folder)
    return {"class_count": found.class_count, "has_masks": found.has_masks}


def _probed(version: str, folder: Path) -> dict[str, Any]:
    from firstpass.contracts.model_version import ModelVersion
    from firstpass.models.probe import probe

    return {"faults": probe(ModelVersion.from_json(version), folder)}


if __name__ == "__main__":
    main(*sys.argv[1:])
