"""The Data Docs of a model version: one page, readable without network."""

from __future__ import annotations

from html import escape

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.expectations.html import validation_html
from firstpass.models.class_checks import ClassFindings
from firstpass.settings import settings

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; color: #1d2733; }
table { border-collapse: collapse; } td, th { border-bottom: 1px solid #ddd; padding: .3rem .8rem; text-align: left; }
i.fas::before { font-style: normal; } i.text-success::before { content: "✓"; }
i.text-danger::before, i.text-warning::before { content: "✗"; }
.good { color: #14733b; } .bad { color: #b3261e; } .cooltip .top, .popover { display: none; }
@media (prefers-color-scheme: dark) { body { background: #12181f; color: #dfe6ee; } td, th { border-color: #33404d; } }
"""


def docs_uri(version: ModelVersion) -> str:
    """Where the page of a version is kept; it is there in the storage that admission wrote to."""
    return storage.join(settings().storage, "models", version.name, version.version, "data_docs", "index.html")


def write_docs(version: ModelVersion, findings: ClassFindings) -> None:
    """Write the page: the verdict, its reasons, and what Great Expectations made of the class table."""
    verdict = '<p class="good">Admitted.</p>' if version.admitted else '<p class="bad">Refused.</p>'
    tables = "".join(
        f"<h2>{escape(name)}</h2>{validation_html(result)}" for name, result in findings.validations.items()
    )
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(version.ref)} · data docs</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{_STYLE}</style></head><body>
<h1>{escape(version.ref)}</h1>{verdict}
<p>{escape(version.kind)} from {escape(version.source)}, decided {escape(version.decided_at)}</p>
{_list("Why", version.reasons)}{_list("Worth a look", findings.warnings)}{tables}
</body></html>
"""
    storage.write(docs_uri(version), page.encode("utf-8", "replace"))


def _list(title: str, sentences: tuple[str, ...] | list[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""
