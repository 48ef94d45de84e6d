"""How Sphinx builds the site: `make docs`. Nothing is fetched from the network."""

from importlib.metadata import version as installed

project = "Firstpass"
author = "The Firstpass authors"
project_copyright = "2026, the Firstpass authors. Apache-2.0"
version = release = installed("firstpass")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "examples", "reference_pages"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"Firstpass {release}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
pygments_style = "friendly"
pygments_dark_style = "monokai"
