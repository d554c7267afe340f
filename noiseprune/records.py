"""Results as strict JSON: no NaN or infinity, which JSON does not have, and no NumPy scalars."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def json_text(result: Mapping[str, Any]) -> str:
    """JSON of a result, indented."""
    return json.dumps(plain(result), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """The value as JSON can hold it; NaN and infinity become None."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
