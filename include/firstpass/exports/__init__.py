"""A run's drafts as files for other tools: one module per format."""
