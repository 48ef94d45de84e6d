"""docs/reference/commands.md: every command, as click knows it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from firstpass.cli import COMMANDS, cli
from firstpass.cli.exit_codes import EXIT_CODES
from reference_pages.markdown import GENERATED, docstring, line, table

_INTRODUCTION = """# Commands

`firstpass` is installed into `.venv/bin`. Results go to standard output, progress and errors to standard error. Each
command answers `--help`.

A command that cannot do what was asked prints two lines: what is wrong, and what to do about it. `FIRSTPASS_DEBUG=1`
adds the traceback. A variable in brackets is the setting that is used when the option is left out: see
[Settings](settings.md). What `.env` has for others, credentials and Airflow's connections, reaches every command too.
"""

_CODES = """`firstpass airflow` and `firstpass sql` exit as Airflow and psql do. The others:
"""


def page() -> str:
    """The page's Markdown."""
    overview = table(
        ("command", "what it does"), ((_link(name), line(what)) for name, (_, _, what) in COMMANDS.items())
    )
    codes = table(("exit code", "what it means"), ((str(code), line(what)) for code, what in EXIT_CODES.items()))
    context = click.Context(cli, info_name="firstpass")
    sections = [section for name in COMMANDS for section in _sections(name, context)]
    return "\n".join([GENERATED, _INTRODUCTION, overview, _CODES, codes, *_options(cli, context), *sections])


def _link(name: str) -> str:
    return f"[`firstpass {name}`](#firstpass-{name})"


def _sections(name: str, parent: click.Context) -> Iterator[str]:
    """The command and, where it is a group, those below it."""
    assert isinstance(parent.command, click.Group)
    command = parent.command.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    yield f"{'#' * (context.command_path.count(' ') + 1)} {context.command_path}\n"
    yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    assert command.help, context.command_path
    yield docstring(command.help.replace("\f", ""))
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _sections(below, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Arguments are in the usage line, and every command has --help."""
    known = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    options = [each for each in known if "--help" not in each.opts]
    records = [record for option in options if (record := option.get_help_record(context))]
    if records:
        yield table(("option", "what it does"), [(f"`{name}`", line(text)) for name, text in records])
