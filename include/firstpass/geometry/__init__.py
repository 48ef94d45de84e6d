"""Masks, outlines and boxes as numbers: pure functions that know no model, no file format and no server."""
