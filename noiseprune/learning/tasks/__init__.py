"""Tasks for networks in time: (batch, time, in) -> (batch, time, out)."""
