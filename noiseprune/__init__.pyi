"""The public names of `noiseprune`, which `__init__` reads off here, and editors too."""

from noiseprune import datasets as datasets
from noiseprune import recordings as recordings
from noiseprune.comparison import Comparison as Comparison
from noiseprune.comparison import compare as compare
from noiseprune.errors import ClusterError as ClusterError
from noiseprune.errors import ConvergenceError as ConvergenceError
from noiseprune.errors import FileError as FileError
from noiseprune.errors import MissingExtraError as MissingExtraError
from noiseprune.errors import NetworkError as NetworkError
from noiseprune.errors import NoisePruneError as NoisePruneError
from noiseprune.errors import OptionError as OptionError
from noiseprune.errors import RecordingError as RecordingError
from noiseprune.errors import UnstableError as UnstableError
from noiseprune.files import load as load
from noiseprune.files import save as save
from noiseprune.generators import clustered_network as clustered_network
from noiseprune.lyapunov import Covariance as Covariance
from noiseprune.lyapunov import covariance as covariance
from noiseprune.lyapunov import discrete_covariance as discrete_covariance
from noiseprune.network import RateNetwork as RateNetwork
from noiseprune.online import Plasticity as Plasticity
from noiseprune.online import plasticity as plasticity
from noiseprune.pipeline import prune as prune
from noiseprune.pruning import Pruning as Pruning
from noiseprune.pruning import Recipe as Recipe
from noiseprune.recordings import InferredNetwork as InferredNetwork
from noiseprune.recordings import infer_network as infer_network
from noiseprune.similarity import SpectralReport as SpectralReport
from noiseprune.similarity import spectral_similarity as spectral_similarity
from noiseprune.simulation import Trajectory as Trajectory
from noiseprune.simulation import simulate as simulate
from noiseprune.variance import SynapseVariance as SynapseVariance
from noiseprune.variance import synapse_variance as synapse_variance

__version__: str
__all__: list[str]
