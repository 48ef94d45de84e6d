"""What was asked for is checked before a run begins."""

from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.nightly.run_request import require_reachable
from firstpass.settings import Settings


def test_folders_of_this_machine_are_out_of_reach(tmp_path):
    far = {"storage": "s3://b/runs", "models": "s3://b/models"}
    require_reachable(Settings(**far), "s3://b/photos")
    require_reachable(Settings(**far), "cvat:task/12")
    for chosen, images, name in (
        (Settings(**far), "/photos", "images"),
        (Settings(**far | {"storage": "/var/storage"}), "s3://b/photos", "FIRSTPASS_STORAGE"),
        (Settings(**far | {"models": "/models"}), "s3://b/photos", "FIRSTPASS_MODELS"),
    ):
        with pytest.raises(FirstpassError, match=f"^{name} is /"):
            require_reachable(chosen, images)
    require_reachable(Settings(kubernetes_volumes=[{"name": "photos", "hostPath": {"path": "/"}}]), "/photos")
