"""`shipway images`: builds the images that a cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workflows.images import ACCELERATORS, BUILDERS, IMAGES

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="build the images that a cluster runs")
@click.argument("images", nargs=-1, type=click.Choice(IMAGES))
@click.option("--registry", metavar="NAME", help="What stands before the images' names, e.g. registry.local:5000.")
@click.option("--tag", help="By default Shipway's version.")
@click.option("--push", "push_them", is_flag=True, help="Push them to the registry.")
@click.option("--plain-http", is_flag=True, help="The registry speaks no TLS.")
@click.option("--accelerator", type=click.Choice(ACCELERATORS), default="cpu", show_default=True, help="Of the steps.")
@click.option("--build-arg", "arguments", multiple=True, metavar="NAME=VALUE", help="Of the Dockerfile, e.g. BASE=...")
@click.option("--builder", type=click.Choice(BUILDERS), help="By default the first of them that is on PATH.")
@click.pass_obj
def command(
    directory: Path,
    *,
    images: tuple[str, ...],
    registry: str | None,
    tag: str | None,
    push_them: bool,
    plain_http: bool,
    accelerator: str,
    arguments: tuple[str, ...],
    builder: str | None,
) -> None:
    """Build IMAGES, by default all: `training` for the steps, `serving` for the models.

    Beside each, in .shipway/images, its bill of materials.
    """
    from importlib.metadata import version

    from workflows.images import Order, build, find_builder, labels, push, require_pushable
    from workflows.workspace import top

    root = top(directory)
    tag = tag or version("shipway")
    order = Order(builder or find_builder(), tag, registry, accelerator, arguments, labels(root, tag), plain_http)
    if push_them:
        require_pushable(order)
    for image in images or IMAGES:
        bill = build(image, order, root)
        if push_them:
            push(image, order, root)
        click.echo(f"{order.reference(image)}  bill of materials: {bill.relative_to(root)}")
