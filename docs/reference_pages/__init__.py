"""The pages of docs/reference/, one module per page."""
