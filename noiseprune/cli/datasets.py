"""`noiseprune datasets`."""

from dataclasses import asdict
from typing import Annotated

import typer

from noiseprune.cli import completion
from noiseprune.cli.options import Leak
from noiseprune.cli.parameters import refuse
from noiseprune.cli.shared import Common


def datasets(
    common: Common,
    leak: Leak,
    name: Annotated[
        str | None,
        typer.Argument(help="One of the names listed.", autocompletion=completion.datasets),
    ] = None,
) -> None:
    """List what is built in, with source and licence; -o writes a connectome to a file.

    noiseprune datasets
    noiseprune datasets celegans -o celegans.graphml
    """
    common.check_output("json" if name is None else "network")
    if name is None or common.output is None:
        refuse(leak, "is for a connectome that is written: give its NAME and -o, too")
    if name is None:
        show_all(common)
        return
    from noiseprune import datasets as built_in
    from noiseprune.checks import one_of
    from noiseprune.cli.tables import facts

    known: dict[str, built_in.Dataset | built_in.SpikeDataset] = {
        each.name: each for each in built_in.available()
    }
    known |= {each.name: each for each in built_in.available_spikes()}
    found = known[one_of("dataset", name.partition(":")[0], known)]
    result = asdict(found)
    if common.output is not None:
        common.save(leak.of_dataset(name))
        result["output"] = common.output
    fields = [(key.replace("_", " "), str(value)) for key, value in result.items()]
    common.emit(result, facts(found.name, fields))


def show_all(common: Common) -> None:
    """The lists of connectomes and of recordings."""
    from noiseprune import datasets as built_in
    from noiseprune.cli.tables import grid
    from noiseprune.records import number

    available, spikes = built_in.available(), built_in.available_spikes()
    result = {
        "datasets": [asdict(dataset) for dataset in available],
        "recordings": [asdict(recorded) for recorded in spikes],
    }
    common.write_json(result)
    connectomes = [
        (
            d.name,
            d.description,
            number(d.n_neurons),
            number(d.n_synapses),
            "directed" if d.directed else "symmetric",
            d.licence,
        )
        for d in available
    ]
    recordings = [
        (d.name, d.description, number(d.n_neurons), number(d.n_spikes), d.licence) for d in spikes
    ]
    header = ("name", "what", "neurons", "synapses", "kind", "licence")
    common.emit(
        result,
        grid("Built-in connectomes", header, connectomes),
        grid(
            "Built-in recordings (for infer, and prune --recording)",
            ("name", "what", "neurons", "spikes", "licence"),
            recordings,
        ),
    )
