"""`firstpass models`: the model store from the command line."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firstpass import storage
from firstpass.cli.endings import WorthAnotherTry, exit_code, explain
from firstpass.cli.exit_codes import INCOMPLETE
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import NEEDS_A_PERSON, TRY_LATER, FirstpassError
from firstpass.inference.stderr_filter import filter_stderr
from firstpass.models import resolution, store

_DEFECT = (
    "it is a defect of Firstpass, or of a part from another package: see the log of the DAG sync_models, and report it"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def models() -> None:
    """Sync, list, show, check and prune models."""
    if sys.stderr is sys.__stderr__:  # unless somebody listens in already
        filter_stderr()  # TensorFlow's start-up messages are not part of a verdict
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("firstpass").setLevel(logging.INFO)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@models.command("list")
@as_json
def list_(as_json: bool) -> None:
    """Show every version in the store, newest first, and why versions were refused."""
    found = sorted(store.versions(), key=lambda version: version.name)
    unseen = [(name, folder) for name in store.names() for folder in resolution.drop_ins(name)]
    if as_json:
        rows = [_summary(version) for version in found]
        _print_json(rows + [{"name": name, "state": "new", "source": str(folder)} for name, folder in unseen])
        return
    table = Table("Model", "Version", "State", "Kind", "Classes", "Threshold", "Decided", "Source", box=None)
    serving: set[str] = set()
    for version in found:
        serves = version.admitted and version.name not in serving
        serving |= {version.name} if serves else set()
        state = "[green]admitted, serves[/]" if serves else "admitted" if version.admitted else "[red]refused[/]"
        table.add_row(
            version.name,
            version.version,
            state,
            version.kind,
            str(len(version.classes)),
            f"{version.threshold:g}",
            version.decided_at[:16].replace("T", " "),
            escape(version.source),
        )
        for reason in version.reasons:
            table.add_row("", "", f"[red]{escape(reason)}[/]")
    for name, folder in unseen:
        table.add_row(name, "", "[yellow]new, checked at first use[/]", "", "", "", "", escape(str(folder)))
    _console().print(table if table.rows else "No models yet: `firstpass models sync`, or put one into the store.")


@models.command()
@click.argument("ref", metavar="NAME[@VERSION]")
@as_json
def show(ref: str, as_json: bool) -> None:
    """Show one version: files, classes, settings and the address of its Data Docs."""
    from firstpass.models.floors import floor_of
    from firstpass.models.version_page import docs_uri

    version = resolution.find(ref)
    docs = docs_uri(version)
    docs = docs if storage.exists(docs) else ""
    if as_json:
        _print_json(json.loads(version.to_json()) | {"data_docs": docs, "uri": store.version_uri(version)})
        return
    console = _console()
    about = Table.grid(padding=(0, 2))
    for label, value in (
        ("Version", version.ref),
        ("State", "admitted" if version.admitted else "refused"),
        ("Kind", version.kind),
        ("Source", version.source),
        ("Decided", version.decided_at),
        ("Threshold", f"{version.threshold:g}"),
        ("Floor", f"{floor_of(version):g}"),
        ("Settings", json.dumps(version.options or {})),
        ("Folder", store.version_uri(version)),
        ("Data Docs", docs or "not in this storage: they are where the version was admitted"),
        *(("Refused", reason) for reason in version.reasons),
    ):
        about.add_row(f"[bold]{label}[/]", escape(value))
    console.print(about)
    files = Table("File", "Bytes", "sha256", box=None)
    for file in version.files:
        files.add_row(escape(file.path), f"{file.size:,}", file.sha256)
    console.print(files)
    console.print("Classes: " + escape(", ".join(f"{c.id} {c.name}" for c in version.classes.classes)), highlight=False)


@models.command()
@click.option("--name", default="", help="The model: one of models.yaml, or any name together with --source.")
@click.option("--source", "uri", default="", help="s3://bucket/prefix or a folder, instead of the one in models.yaml.")
@click.option("--connection", default="", help="Airflow connection for S3; boto3's own credentials otherwise.")
@click.option("--again", is_flag=True, help="Check a refused model again although its source is unchanged.")
@as_json
def sync(name: str, uri: str, connection: str, again: bool, as_json: bool) -> None:
    """Fetch and admit new models. A source that fails keeps no other from being synced.

    Exits with 1 when a source's newest model is refused, with 2 when a source failed, with 75 when those that failed do
    not answer.
    """
    from firstpass.nightly.sync_models import sync_source, wanted_sources

    rows: list[dict[str, Any]] = []
    failed: dict[str, FirstpassError] = {}
    for source in wanted_sources(name, uri, connection):
        row: dict[str, Any] = {"name": source.name, "source": source.uri}
        try:
            synced = sync_source(source, again)
            reasons = list(synced.reasons)
            row |= {"state": synced.state, "version": synced.ref, "admitted": synced.admitted, "reasons": reasons}
        except Exception as error:
            # A defect that one source brings to light is no reason to leave the others out either.
            known = explain(error) or WorthAnotherTry(f"{type(error).__name__}: {error}", _DEFECT)
            failed[source.name] = known
            row |= {"state": "failed", "version": None, "admitted": False, "reasons": [str(known)]}
        rows.append(row)
    if as_json:
        _print_json(rows)
    elif not rows:
        click.echo("No sources: list them in models.yaml, or give --name and --source.")
    else:
        table = Table("Model", "Version", "State", "Source", box=None)
        for row in rows:
            table.add_row(row["name"], row["version"] or "", row["state"], escape(row["source"]))
            for reason in row["reasons"]:
                table.add_row("", "", f"[red]{escape(reason)}[/]")
        _console().print(table)
    if failed:
        click.echo(f"firstpass: {len(failed)} of {len(rows)} sources failed: {', '.join(failed)}", err=True)
        sys.exit(max(map(exit_code, failed.values()), key=[TRY_LATER, INCOMPLETE, NEEDS_A_PERSON].index))
    sys.exit(INCOMPLETE if any("refused" in row["state"] for row in rows) else 0)


@models.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="PATH")
@as_json
def check(folder: Path, as_json: bool) -> None:
    """Check the model in a folder as admission would, without changing the store. Exits with 1 when it is refused."""
    from firstpass.models.admission import inspect

    if not folder.is_dir():
        raise FirstpassError(f"{folder} is not a folder", "give the folder with classes.csv and the weights")
    verdict = inspect(folder)
    if as_json:
        _print_json(asdict(verdict) | {"classes": verdict.classes.to_json(), "admitted": verdict.admitted})
    else:
        console = _console()
        console.print("[green]Would be admitted.[/]" if verdict.admitted else "[red]Would be refused:[/]")
        for reason in verdict.reasons:
            console.print(f"  {escape(reason)}", style="red", highlight=False)
        for warning in verdict.warnings:
            console.print(f"  Worth a look: {escape(warning)}", style="yellow", highlight=False)
        known = "unknown" if verdict.class_count is None else verdict.class_count
        console.print(
            f"{verdict.kind}, {len(verdict.classes)} classes (the network's own count: {known}), "
            f"threshold {verdict.threshold:g}, version {verdict.version}",
            highlight=False,
        )
        if verdict.reasons:
            console.print("What to do: correct the files, or take weights and classes.csv of the same training run.")
    sys.exit(0 if verdict.admitted else INCOMPLETE)


@models.command()
@click.option("--keep", type=int, required=True, help="Admitted versions to keep per model.")
@click.option("--name", default=None, help="Only this model.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@as_json
def prune(keep: int, name: str | None, dry_run: bool, as_json: bool) -> None:
    """Remove old versions, except those that a run in progress uses."""
    from firstpass.cli.stack import warehouse
    from firstpass.models.old_versions import superfluous
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.migration import migrate
    from firstpass.warehouse.model_versions import models_in_use

    warehouse()
    with closing(connect()) as connection:
        migrate(connection)
        in_use = models_in_use(connection)
    going = superfluous(keep, in_use, name)
    for version in going if not dry_run else []:
        store.remove(version)
    if as_json:
        _print_json([_summary(version) for version in going])
        return
    for version in going:
        click.echo(f"{'would remove' if dry_run else 'removed'} {version.ref}")
    if not going:
        click.echo("Nothing to remove.")


def _summary(version: ModelVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "state": "admitted" if version.admitted else "refused",
        "kind": version.kind,
        "classes": len(version.classes),
        "threshold": version.threshold,
        "decided_at": version.decided_at,
        "source": version.source,
        "reasons": list(version.reasons),
    }


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _console() -> Console:
    """Wide enough not to cut lines that are piped into a file."""
    return Console() if sys.stdout.isatty() else Console(width=240)
