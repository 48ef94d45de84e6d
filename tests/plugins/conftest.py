"""The same runs as the quality room's tests use."""

from quality.conftest import finished_run, storage_home

__all__ = ["finished_run", "storage_home"]
