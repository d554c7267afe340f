"""`noiseprune datasets`."""

from typing import Annotated, Any

import typer

from noiseprune.cli.shared import Common


def datasets(
    common: Common,
    name: Annotated[str | None, typer.Argument(help="One of the names listed.")] = None,
) -> None:
    """List what is built in, with source and licence; -o writes a connectome to a file."""
    from dataclasses import asdict

    from noiseprune import datasets as built_in
    from noiseprune import files
    from noiseprune.cli.tables import facts, grid, number

    common.check_output("json" if name is None else "network")
    available = built_in.available()
    if name is None:
        spikes = built_in.available_spikes()
        result: dict[str, Any] = {
            "datasets": [asdict(dataset) for dataset in available],
            "recordings": [asdict(recorded) for recorded in spikes],
        }
        common.write_json(result)
        rows = [
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
        header = ("name", "what", "neurons", "synapses", "kind", "licence")
        recorded_rows = [
            (d.name, d.description, number(d.n_neurons), number(d.n_spikes), d.licence)
            for d in spikes
        ]
        titles = ("name", "what", "neurons", "spikes", "licence")
        common.emit(
            result,
            grid("Built-in connectomes", header, rows),
            grid("Built-in recordings (for infer, and prune --recording)", titles, recorded_rows),
        )
        return
    from noiseprune.checks import one_of

    known: tuple[built_in.Dataset | built_in.SpikeDataset, ...] = (
        *available,
        *built_in.available_spikes(),
    )
    base = one_of("dataset", name.partition(":")[0], [d.name for d in known])
    found = next(d for d in known if d.name == base)
    result = asdict(found)
    if common.output is not None:
        files.save(common.network(f"dataset:{name}"), common.output)
        result["output"] = common.output
    fields = [(key.replace("_", " "), str(value)) for key, value in result.items()]
    common.emit(result, facts(found.name, fields))
