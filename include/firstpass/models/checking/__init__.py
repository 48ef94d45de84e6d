"""Weights from outside are read and tried in a process of their own, which has limits and may die."""
