"""What can go wrong, said in one sentence each: what was found, what was expected, what to do."""


class NoisePruneError(Exception):
    """Base of every error that noiseprune raises on purpose."""


class NetworkError(NoisePruneError, ValueError):
    """The weights, leak or labels do not describe a rate network."""


class OptionError(NoisePruneError, ValueError):
    """An argument lies outside what the function can take."""


class UnstableError(NoisePruneError, ValueError):
    """The drift has no stationary state, or none that double precision can resolve."""


class FileError(NoisePruneError, ValueError):
    """A file cannot be read as what it claims to be, or cannot be written."""


class RecordingError(NoisePruneError, ValueError):
    """A recording does not hold what was asked of it, or does not fit the network."""


class ConvergenceError(NoisePruneError, RuntimeError):
    """An iteration ended before it reached its tolerance."""


class MissingExtraError(NoisePruneError, ImportError):
    """An optional dependency is not installed."""


class ClusterError(NoisePruneError, RuntimeError):
    """A cluster cannot be reached, or keeps losing its workers."""
