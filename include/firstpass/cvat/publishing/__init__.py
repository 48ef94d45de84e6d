"""Bringing drafts into CVAT exactly once, and taking them out again."""
