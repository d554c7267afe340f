"""Records as the parameters of a command: each field is an option, each `Literal` a list of names.

A command is a function of records and of single options:

    dry_run: Annotated[bool, "Print the job script, and stop.", CLUSTER] = False     # --dry-run

with its help and its panel, by default that of the record, or with an object of Typer in place of
the help. Typer knows no records: it is shown their fields, and the function gets the records made
of what it read.
"""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
from inspect import Parameter
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from typer.models import OptionInfo

from noiseprune.errors import OptionError

GENERAL = "Options"
NETWORK, METHOD, RECORDING, CLUSTER, OUTPUT = "Network", "Method", "Recording", "Cluster", "Output"
PANELS = (NETWORK, METHOD, RECORDING, CLUSTER, OUTPUT)
"""Panels of a help page, in their order; GENERAL is Typer's own, with --help, and comes first."""


def unfolded(function: Callable[..., None]) -> dict[str, Parameter]:
    """The parameters of a function by name, with the fields of a record in its place.

    An option stands in the panel that it names, else in the PANEL of its record, else in METHOD.
    """
    found: dict[str, Parameter] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        record = parameter.annotation
        own = inspect.signature(record).parameters if is_record(record) else {name: parameter}
        for each in own.values():
            kind, shown, *panel = get_args(each.annotation)
            if isinstance(shown, str):
                only = [flag(each.name)] if each.default is False else []
                shown = typer.Option(*only, help=shown)
            if isinstance(shown, OptionInfo):
                shown = copy(shown)
                own_panel = panel[0] if panel else shown.rich_help_panel
                shown.rich_help_panel = own_panel or getattr(record, "PANEL", METHOD)
            found[each.name] = each.replace(annotation=Annotated[kind, shown])
    return dict(sorted(found.items(), key=lambda item: _place(item[1])))


def _place(parameter: Parameter) -> int:
    panel = get_args(parameter.annotation)[1].rich_help_panel
    return PANELS.index(panel) if panel in PANELS else -1


def folded(function: Callable[..., None], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the function, from the values of its unfolded parameters."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        record = parameter.annotation
        if is_record(record):
            own = inspect.signature(record).parameters
            arguments[name] = record(**{each: values[each] for each in own})
        else:
            arguments[name] = values[name]
    return arguments


def is_record(kind: Any) -> bool:
    """Whether a parameter is a record of options, not an option."""
    return is_dataclass(kind)


def names_of(parameter: Parameter) -> tuple[str, ...]:
    """The names that an option chooses by; none if it is no `Literal`."""
    kind = get_args(parameter.annotation)[0]
    if NoneType in get_args(kind):
        kind = next(each for each in get_args(kind) if each is not NoneType)
    return get_args(kind) if get_origin(kind) is Literal else ()


def offered(parameter: Parameter) -> Parameter:
    """A parameter as Typer takes it: the names of a `Literal` are listed in help, and completed.

    Typer knows `Literal` too, but its word on an unknown name is wrong usage, without the nearest.
    """
    kind, shown = get_args(parameter.annotation)
    names = names_of(parameter)
    if names:
        kind, shown = str | None, copy(shown)
        shown.metavar, shown.autocompletion = " | ".join(names), lambda: names
    return parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=Annotated[kind, shown])


def refuse(record: Any, why: str) -> None:
    """Refuse a record that is not as by default, since what was given would do nothing."""
    for field in fields(record):
        value = getattr(record, field.name)
        if value != field.default:
            raise OptionError(f"{flag(field.name)}{'' if value is True else f' {value}'} {why}")


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
