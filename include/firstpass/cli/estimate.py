"""`firstpass estimate`: how long a night takes, before anybody pays for it."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import asdict

import click
import psycopg2

from firstpass.chunks import estimate as estimates
from firstpass.chunks import profiles
from firstpass.chunks.cost_model import Measured
from firstpass.contracts.network_profile import NetworkProfile
from firstpass.errors import FirstpassError


@click.command()
@click.option("--images", type=click.IntRange(1), required=True, help="Number of images.")
@click.option("--resolution", default="1280x960", show_default=True, help="Size of the images, WIDTHxHEIGHT in pixels.")
@click.option("--model", required=True, help="A built-in model profile, or a model of the store: name or name@version.")
@click.option(
    "--machine",
    default="cpu",
    show_default=True,
    help="cpu, k80 (to compare), t4, v100, a10g, a100, h100 or your own.",
)
@click.option(
    "--gpus",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Number of machines working at the same time.",
)
@click.option("--uncompressed", is_flag=True, help="The images are stored uncompressed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def estimate(
    images: int, resolution: str, model: str, machine: str, gpus: int, uncompressed: bool, as_json: bool
) -> None:
    """Estimate time, chunks, batch size and GPU-hours, and say where the numbers come from.

    For a model and a machine of the published table the answer is that table's; beside it is what Firstpass itself
    should take, as far as it was measured.
    """
    pixels = _pixels(resolution)
    kind = profiles.machine(machine)
    network, ref, measured = _profile(model)
    ours = estimates.expected(images, pixels, network, kind, gpus, ref, measured)
    table = estimates.published(images, pixels, network, kind, gpus, uncompressed)
    on_cpu = estimates.expected(images, pixels, network, profiles.machine("cpu"), 1, ref, measured)
    beside = [("firstpass", ours), ("firstpass on one CPU machine", on_cpu)]
    if as_json:
        answer = asdict(table or ours) | {"beside": [{"what": what} | asdict(each) for what, each in beside]}
        click.echo(json.dumps(answer | ({"caveat": kind.caveat} if kind.caveat else {}), indent=1))
        return
    if table:
        click.echo(f"published table: {_line(table)}")
    for what, each in beside[: 1 if kind.speed is None else 2]:
        click.echo(f"{what}: {_line(each)}")
    if kind.caveat:
        click.echo(f"{kind.name}: {kind.caveat}")


def _line(each: estimates.Estimate) -> str:
    hours = f"{each.gpu_hours:.2f} GPU-hours, " if each.gpu_hours else ""
    return f"{hours}{each}"


def _profile(model: str) -> tuple[NetworkProfile, str, Measured | None]:
    """The network's profile, and for a model of the store its name@version and what its chunks reached so far."""
    from firstpass.models.resolution import resolve
    from firstpass.models.store import versions
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.measured_rates import measured

    networks = profiles.networks()
    if model in networks and not versions(model):
        return networks[model], "", None
    try:
        version = resolve(model)
    except FirstpassError as error:
        fix = f"{error.fix}; or use a built-in profile: {', '.join(networks)}"
        raise FirstpassError(error.problem, fix) from error
    try:
        with closing(connect(patience=0)) as connection:
            learned = measured(connection, version.ref)
    except (FirstpassError, psycopg2.Error):  # no warehouse, no experience: an estimate is there to be had before both
        return profiles.network_of(version), version.ref, None
    return profiles.network_of(version), version.ref, learned


def _pixels(resolution: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,5})[x×]([1-9]\d{0,5})", resolution.strip().lower())
    if not match:
        raise FirstpassError(
            f"--resolution is {resolution[:50]!r}", "give WIDTHxHEIGHT in pixels, for example 1280x960"
        )
    return int(match[1]) * int(match[2])
