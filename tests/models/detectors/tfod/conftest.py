"""The default model, loaded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firstpass.settings import home
from fixtures.detecting import load


@pytest.fixture(scope="session")
def default_model() -> Path:
    return next(home().glob("include/models/nanodet-coco/*/frozen_inference_graph.pb")).parent


@pytest.fixture(scope="session")
def default_detector(default_model: Path) -> Any:
    return load(default_model)
