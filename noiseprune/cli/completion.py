"""What the shell completes beside commands, options and the names of choices: built-in data."""

import os

DATASET = "dataset:"
_TYPED = "_NOISEPRUNE_DATASET_TYPED"


def networks() -> list[str]:
    """NETWORK: `dataset:NAME`; files are the shell's own business."""
    return [_prefix() + name for name in _connectomes()]


def recordings() -> list[str]:
    """RECORDING: `dataset:NAME`."""
    return [_prefix() + name for name in _spikes()]


def datasets() -> list[str]:
    """The name of anything built in."""
    return _connectomes() + _spikes()


def figures() -> list[str]:
    """The name of a figure."""
    from noiseprune.figures import PICTURES

    return list(PICTURES)


def join_words() -> None:
    """Put `dataset:NAME` together again for bash, which breaks words at colons.

    It replaces only what stands after the colon. So the prefix is taken off the words, and what is
    offered comes without it.
    """
    words, at = os.environ.get("COMP_WORDS", "").split("\n"), os.environ.get("COMP_CWORD", "0")
    last = int(at)
    colon = last if words[last:] == [":"] else last - 1
    if colon > 0 and words[colon - 1 : colon + 1] == [DATASET[:-1], ":"]:
        del words[colon - 1 : colon + 1]
        os.environ |= {
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(colon - 1),
            _TYPED: "1",
        }


def _prefix() -> str:
    return "" if _TYPED in os.environ else DATASET


def _connectomes() -> list[str]:
    from noiseprune import datasets

    return [found.name for found in datasets.available()]


def _spikes() -> list[str]:
    from noiseprune import datasets

    return [found.name for found in datasets.available_spikes()]
