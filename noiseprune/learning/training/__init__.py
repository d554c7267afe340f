"""The one harness that trains every model: epochs, checkpoints, logs, pruning, many runs."""
