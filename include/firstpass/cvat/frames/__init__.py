"""CVAT as a source of images."""
