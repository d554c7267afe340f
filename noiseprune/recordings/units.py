"""Units, by quantities."""

from __future__ import annotations

import re
from typing import Any

from noiseprune.errors import RecordingError

_UNITS = re.compile(r"[A-Za-zµ%][A-Za-z0-9µ%*/ ]*")


def seconds(time: Any) -> float:
    return float(time.rescale("s").magnitude)


def quantity(units: str) -> Any:
    import quantities as pq

    try:
        if not _UNITS.fullmatch(units):  # quantities parses units as Python
            raise LookupError(units)
        return pq.Quantity(1.0, units)
    except (LookupError, SyntaxError, TypeError, ValueError):
        raise RecordingError(f"the unit {units!r} is unknown: give one such as Hz or mV") from None
