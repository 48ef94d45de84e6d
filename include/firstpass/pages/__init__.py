"""HTML pages: how every one of them is rendered, and what they look like."""
