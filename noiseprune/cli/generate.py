"""`noiseprune generate`."""

from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

from noiseprune.cli.options import Leak, clustered
from noiseprune.cli.parameters import NETWORK
from noiseprune.cli.shared import Common
from noiseprune.errors import OptionError


@dataclass(frozen=True)
class Clusters:
    """What the clusters are like."""

    PANEL: ClassVar = NETWORK

    n: Annotated[int | None, "Number of neurons (default: sum of --sizes, else 3000)."] = None
    sizes: Annotated[str | None, "Cluster sizes, such as 2700,100,200."] = None
    density: Annotated[float, "Share of connected pairs in a cluster."] = 0.6
    long_range: Annotated[
        int | None, "Entries between clusters (default: as many as the paper's)."
    ] = None
    directed: Annotated[bool, "Directed variant."] = False


def generate(common: Common, clusters: Clusters, leak: Leak) -> None:
    """Generate a clustered network of the paper.

    noiseprune generate --n 300 -o net.npz
    noiseprune generate --sizes 120,40,40 --directed --leak-margin 0.1 -o directed.npz
    """
    if common.output is None:
        raise OptionError("no output file: give one with -o, such as -o net.npz")
    from noiseprune import files
    from noiseprune.cli.tables import facts
    from noiseprune.records import number

    with common.stage("generate"):
        net = clustered(leak, common.seed, **asdict(clusters))
    with common.stage("save"):
        files.save(net, common.output)
    result = {
        "n_neurons": net.n_neurons,
        "n_synapses": net.n_synapses,
        "directed": not net.is_symmetric,
        **common.to_dict(),
    }
    rows = [
        ("neurons", number(net.n_neurons)),
        ("synapses", number(net.n_synapses)),
        ("written to", str(common.output)),
    ]
    common.emit(result, facts("Generated network", rows))
