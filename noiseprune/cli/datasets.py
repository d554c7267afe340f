"""`noiseprune datasets`."""

from typing import Annotated, Any

import typer

from noiseprune.cli.shared import Common


def datasets(
    common: Common,
    name: Annotated[str | None, typer.Argument(help="One of the names listed.")] = None,
) -> None:
    """List the built-in connectomes, with source and licence; -o writes one to a file."""
    from dataclasses import asdict

    from noiseprune import datasets as built_in
    from noiseprune import files
    from noiseprune.cli.tables import facts, grid, number

    common.check_output("json" if name is None else "network")
    available = built_in.available()
    if name is None:
        result: dict[str, Any] = {"datasets": [asdict(dataset) for dataset in available]}
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
        common.emit(result, grid("Built-in connectomes", header, rows))
        return
    from noiseprune.choices import one_of

    base = one_of("dataset", name.partition(":")[0], [d.name for d in available])
    found = next(d for d in available if d.name == base)
    result = asdict(found)
    if common.output is not None:
        files.save(common.network(f"dataset:{name}"), common.output)
        result["output"] = common.output
    fields = [(key.replace("_", " "), str(value)) for key, value in result.items()]
    common.emit(result, facts(found.name, fields))
