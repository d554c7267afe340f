"""The method of a pruning as a record: which synapses matter, who draws, what is put right.

rule       importance of a synapse                      (see `rules`)
sampling   which are kept, given the keep probabilities (see `sampling`)
balance    each neuron's total |input| afterwards       (see `balance`)
effort     whether what is kept is fitted and regrows   (see `search`)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from noiseprune.checks import at_least, one_of
from noiseprune.choices import (
    NEED_ACTIVITY,
    NEED_VARIANCE,
    UNDRAWN,
    Balance,
    Effort,
    Rule,
    Sampling,
)
from noiseprune.errors import OptionError

RULES: tuple[Rule, ...] = get_args(Rule)
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)
BALANCES: tuple[Balance, ...] = get_args(Balance)
EFFORTS: tuple[Effort, ...] = get_args(Effort)

MAX_FACTOR = 2.0
"""Bound on a neuron's homeostatic factor and on its inverse (see `benchmarks/choices.py`)."""
_OWN: Any = None
"""What stands for the choice that a rule implies, until the recipe is made."""
_USUAL = ("balanced", "homeostatic")
_THEOREM = ("independent", "leak")
_IMPLIED = {"paper": _THEOREM, **dict.fromkeys(UNDRAWN, ("none", "none"))}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to prune. A choice that is left out becomes the one that the rule implies.

    rule : "noise", "weight", "uniform", "magnitude", "paper" or "surgeon"
    sampling : "independent", "systematic" or "balanced"; or "largest", which keeps the largest
        importances as they are. "paper" draws independently, "magnitude" and "surgeon" draw nothing
        ("none"), the others are balanced; with the effort "regrow" they start from the largest
    balance : "leak", "none" or "homeostatic"; "paper" has the leak, "magnitude" and the sampling
        "largest" have none, nor has what is fitted, and "surgeon" can have no other, as it mends
        the weights itself; the others are homeostatic
    effort : "draw" leaves it at that, "refit" fits the strengths of the synapses that are kept, and
        "regrow" also lets others grow in place of some of them
    max_factor : bound of the homeostatic factors and of their inverses

    Raises
    ------
    OptionError
        If a choice is unknown, or contradicts the rule.

    >>> Recipe(rule="paper").sampling
    'independent'
    """

    rule: Rule = "noise"
    sampling: Literal[Sampling, "largest", "none"] = _OWN
    balance: Balance = _OWN
    effort: Effort = "draw"
    max_factor: float = MAX_FACTOR

    def __post_init__(self) -> None:
        one_of("rule", self.rule, RULES)
        one_of("effort", self.effort, EFFORTS)
        usual = _USUAL
        if self.sampling == "largest" or (self.effort == "regrow" and self.sampling is None):
            usual = ("largest", "none")
        elif self.effort != "draw":
            usual = (_USUAL[0], "none")
        sampling, balance = _IMPLIED.get(self.rule, usual)
        for name, implied in (("sampling", sampling), ("balance", balance)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, implied)
        if self.rule == "paper" and (self.sampling, self.balance) != _THEOREM:
            raise OptionError(
                "rule 'paper' draws independently and balances by the leak: leave sampling and "
                "balance out, or use rule 'noise'"
            )
        if self.rule == "paper" and self.effort != "draw":
            raise OptionError(
                f"rule 'paper' is the paper's own draw, which knows no {self.effort}: use rule "
                "'noise', or leave the effort out"
            )
        if self.rule == "surgeon" and self.balance != "none":
            raise OptionError(
                f"rule 'surgeon' mends the weights itself, which balance {self.balance!r} would "
                "undo: leave the balance out"
            )
        if self.rule in UNDRAWN:
            one_of("sampling", self.sampling, ("none", *SAMPLINGS))
            object.__setattr__(self, "sampling", "none")
        elif self.sampling != "largest":
            one_of("sampling", self.sampling, SAMPLINGS)
        one_of("balance", self.balance, BALANCES)
        at_least("max_factor", self.max_factor, 1.0)

    @classmethod
    def of(
        cls,
        rule: Rule = "noise",
        sampling: Literal[Sampling, "largest"] | None = None,
        balance: Balance | None = None,
        *,
        effort: Effort = "draw",
        promise: bool = False,
    ) -> Recipe:
        """The recipe of options that may be None; for a `promise` of epsilon the theorem's."""
        theorem_s = promise and effort == "draw" and rule not in _IMPLIED
        implied: Any = _THEOREM if theorem_s else (None, None)
        return cls(
            rule=rule,
            sampling=implied[0] if sampling is None else sampling,
            balance=implied[1] if balance is None else balance,
            effort=effort,
        )

    @property
    def needs_variance(self) -> bool:
        """True if the importance of a synapse is |w| v, so that v has to be measured."""
        return self.rule in NEED_VARIANCE

    @property
    def needs_activity(self) -> bool:
        """True for the surgeon, which sees all inputs of a neuron together (see `surgeon`)."""
        return self.rule in NEED_ACTIVITY

    @property
    def keeps_largest(self) -> bool:
        """True if the largest importances are kept, with no draw."""
        return self.rule in UNDRAWN or self.sampling == "largest"

    @property
    def is_the_theorem_s(self) -> bool:
        """True for the method that the theorem is about."""
        return self == replace(THEOREM, max_factor=self.max_factor)

    def as_asked(self) -> tuple[str | float | None, ...]:
        """Rule, sampling and balance, with None for what the rule leaves no choice of.

        Then the effort and the factor's bound, unless both are as usual.
        """
        sampling = None if self.rule in _IMPLIED else self.sampling
        choices = (self.rule, sampling, None if self.rule == "paper" else self.balance)
        more = (self.effort, self.max_factor)
        return choices if more == ("draw", MAX_FACTOR) else (*choices, *more)


def effort_of(effort: Effort | None, refit: bool) -> Effort:
    """The effort that two options ask for: `refit` is another name of effort "refit"."""
    if refit and effort not in (None, "refit"):
        raise OptionError(f"refit means effort 'refit', but the effort is {effort!r}: give one")
    return "refit" if refit else effort or "draw"


class Made:
    """What is made by a recipe, and tells its choices."""

    recipe: Recipe

    @property
    def rule(self) -> str:
        return self.recipe.rule

    @property
    def sampling(self) -> str:
        return self.recipe.sampling

    @property
    def balance(self) -> str:
        return self.recipe.balance


PAPER = Recipe(rule="paper")
THEOREM = Recipe(sampling="independent", balance="leak")
RIVALS = (
    Recipe(),
    Recipe(balance="none"),
    Recipe(balance="leak"),
    PAPER,
    Recipe(rule="weight"),
    Recipe(rule="weight", balance="none"),
    Recipe(rule="weight", balance="leak"),
    Recipe(rule="uniform"),
    Recipe(rule="uniform", balance="none"),
    Recipe(rule="uniform", balance="leak"),
    Recipe(rule="magnitude"),
    Recipe(rule="surgeon"),
)
"""The ways to prune that a comparison holds against one another."""
