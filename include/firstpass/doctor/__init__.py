"""Asks every room how it stands, for `firstpass doctor`."""
