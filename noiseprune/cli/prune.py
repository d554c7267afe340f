"""`noiseprune prune`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from noiseprune.cli import completion
from noiseprune.cli.options import (
    CLUSTER,
    METHOD,
    NETWORK,
    DryRun,
    Measured,
    Network,
    Reading,
    SpikeNoise,
    Workers,
    parsed_keep,
    print_job_script,
)
from noiseprune.cli.outcome import certified, recorded
from noiseprune.cli.parameters import refuse
from noiseprune.cli.shared import OUTPUT, Common, check_suffix
from noiseprune.errors import OptionError
from noiseprune.names import Balance, Match, Rule, Sampling

if TYPE_CHECKING:
    from noiseprune.variance import SynapseVariance
