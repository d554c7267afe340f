"""What every model can be told, and how a record declares an option.

    lr: Annotated[float, "Learning rate.", positive] = 1e-3

A field is an option of the command line: `weight_decay` is --weight-decay, the text is its help. A
`Literal` lists the names that it chooses by. A callable (name, value) refuses values without a
meaning; None needs no check. What makes options contradict one another stands in `__post_init__`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from noiseprune.checks import count, fraction, one_of
from noiseprune.errors import OptionError

at_least_0 = partial(count, at_least=0)


def proportion(what: str, value: float) -> float:
    """The value if it lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise OptionError(f"{what} is {value!r}, but must lie in [0, 1]")
    return value


def below_1(what: str, value: float) -> float:
    """The value if it lies in [0, 1)."""
    if not 0 <= value < 1:
        raise OptionError(f"{what} is {value!r}, but must lie in [0, 1)")
    return value


def within_0_1(what: str, value: float) -> float:
    """The value if it lies in (0, 1)."""
    if not 0 < value < 1:
        raise OptionError(f"{what} is {value!r}, but must lie in (0, 1)")
    return value


@dataclass(frozen=True)
class Changeable:
    """Marks an option that a kept run can be given another value of.

    Neither the training nor its log depends on it; unless the option named `unless` is on.
    """

    unless: str = ""


CHANGEABLE = Changeable()


@dataclass(frozen=True)
class Option:
    """A field of a record as it is declared."""

    kind: Any
    help: str
    default: Any
    names: tuple[str, ...]
    checks: tuple[Callable[[str, Any], object], ...]
    changeable: Changeable | None


_READ: dict[type, dict[str, Option]] = {}


def options_of(record: type[Any]) -> dict[str, Option]:
    """The fields of a record by name; what has a help is an option, and needs a default."""
    if record not in _READ:
        # `checks.Seed` is a text that names NumPy, which is there where it is used.
        named = {"np": sys.modules.get("numpy")}
        hints = get_type_hints(record, None, named, include_extras=True)
        _READ[record] = {f.name: _option(f.name, hints[f.name], record) for f in fields(record)}
    return _READ[record]


def _option(name: str, hint: Any, record: type[Any]) -> Option:
    kind, *more = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    text = "".join(each for each in more if isinstance(each, str))
    if text and not hasattr(record, name):
        raise TypeError(f"the option {name} of a model has no default")
    choices = next((k for k in (kind, *get_args(kind)) if get_origin(k) is Literal), None)
    return Option(
        kind=kind,
        help=text,
        default=getattr(record, name, None),
        names=get_args(choices),
        checks=tuple(each for each in more if callable(each)),
        changeable=next((each for each in more if isinstance(each, Changeable)), None),
    )


class Checked:
    """A record that checks its fields as they are declared."""

    def __post_init__(self) -> None:
        for name, option in options_of(type(self)).items():
            value = getattr(self, name)
            if value is None:
                continue
            if option.names:
                one_of(name.replace("_", " "), value, option.names)
            for check in option.checks:
                check(name, value)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Checked):
    """What every model can be told. A model derives its own and adds fields with defaults.

    By custom `task` (made here), `dataset` (read) and `data` (the folder of its files), `batch`,
    `lr`, `optimizer`, `weight_decay`, `hidden`.

    seed : of everything random in the run
    epochs : how many; an interrupted or finished run can be taken further with more
    log_every : epochs between rows of the log; the first row is epoch 0, before any learning

    Raises
    ------
    OptionError
        If a value has no meaning, or would do nothing beside the others.
    """

    MODEL: ClassVar[str] = ""
    """By which a kept run knows its model; where there is none, by the experiment's module."""

    seed: Annotated[int, "Seed of everything random."] = 0
    epochs: Annotated[int, "Epochs to train.", at_least_0] = 100
    log_every: Annotated[int, "Epochs between rows of the log.", count] = 1

    def refuse_idle(self, names: Iterable[str], why: str) -> None:
        """Refuse those of these options that are not as by default, since they would do nothing.

        "NAME WHY leave it out" is what is said.
        """
        options = options_of(type(self))
        for name in names:
            if name in options and getattr(self, name) != options[name].default:
                raise OptionError(f"{name} {why} leave it out")

    def can_change(self, name: str) -> bool:
        """Whether a kept run can be given another value of the option."""
        option = options_of(type(self)).get(name)
        if option is None or option.changeable is None:
            return False
        unless = option.changeable.unless
        return not (unless and getattr(self, unless))


@dataclass(frozen=True, kw_only=True)
class PruneOptions(TrainOptions):
    """What every model can be told that can be pruned when it is trained."""

    prune: Annotated[
        float | None, "When trained: fraction of the synapses to keep.", fraction, CHANGEABLE
    ] = None
    rule: Annotated[str | None, "To prune by (default: noise).", CHANGEABLE] = None
    fine_tune: Annotated[int, "Epochs of training after pruning.", at_least_0, CHANGEABLE] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prune is None:
            self.refuse_idle(("rule", "fine_tune"), "is of the pruning: give --prune, too, or")
