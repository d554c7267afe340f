"""The command that remakes the figures."""

from pathlib import Path
from typing import Annotated

import typer

from noiseprune.cli import completion
from noiseprune.cli.shared import Common
from noiseprune.errors import OptionError


def figures(
    common: Common,
    fast: Annotated[bool, "Small networks: seconds instead of an hour."] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this figure; several with commas.", autocompletion=completion.figures
        ),
    ] = None,
    redraw: Annotated[bool, "Draw again from the numbers in the folder."] = False,
) -> None:
    """Remake the figures of the paper: PNG, SVG and the numbers drawn.

    noiseprune figures --fast --only panels -o drafts
    noiseprune figures --redraw --only panels -o drafts
    """
    if fast and redraw:
        raise OptionError("--redraw measures nothing, so that --fast is no use: leave it out")
    from noiseprune import figures
    from noiseprune.checks import one_of
    from noiseprune.cli.tables import grid
    from noiseprune.files.atomic import make_folder

    given = [name.strip() for names in only or [] for name in names.split(",")]
    names = [one_of("figure", name, figures.PICTURES) for name in given] or list(figures.PICTURES)
    folder = Path("figures") if common.output is None else common.output
    make_folder(folder, "the figures")
    made = {}
    for name in dict.fromkeys(names):
        with common.stage(name, bar=True) as progress:
            made[name] = (
                figures.redraw(name, folder)
                if redraw
                else figures.remake(name, folder, fast=fast, seed=common.seed, progress=progress)
            )
    result = {
        "figures": [
            {"name": name, "files": files, "seconds": common.seconds[name]}
            for name, files in made.items()
        ],
        "fast": fast,
        "redraw": redraw,
        "seed": common.seed,
        "seconds": sum(common.seconds.values()),
    }
    rows = [
        (name, f"{common.seconds[name]:.1f} s", ", ".join(file.name for file in files))
        for name, files in made.items()
    ]
    common.emit(result, grid(f"Figures in {folder}", ("name", "time", "files"), rows))
