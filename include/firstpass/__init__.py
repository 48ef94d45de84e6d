"""Firstpass: drafts the annotations of every new image overnight.

The rooms, in the order that data walks through them: models, images, chunks, inference, warehouse, quality, cvat.
A later room may import an earlier one, never the reverse. `stack`, `nightly` and `cli` stand outside: they call rooms.
"""
