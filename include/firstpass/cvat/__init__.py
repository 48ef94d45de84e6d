"""CVAT: frames come from there, drafts go back as shapes.

The sub-rooms in order, each importing only earlier ones: server, labels, publishing, frames.
"""
