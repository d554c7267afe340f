"""The method of a pruning as a record: which synapses matter, who draws, what is put right.

rule       importance of a synapse                      (see `rules`)
sampling   which are kept, given the keep probabilities (see `sampling`)
balance    each neuron's total |input| afterwards       (see `balance`)
refit      the kept weights fitted to the certificate   (see `refit`)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from noiseprune.checks import at_least, one_of
from noiseprune.choices import NEED_VARIANCE, Balance, Rule, Sampling
from noiseprune.errors import OptionError

RULES: tuple[Rule, ...] = get_args(Rule)
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)
BALANCES: tuple[Balance, ...] = get_args(Balance)

MAX_FACTOR = 2.0
"""Bound on a neuron's homeostatic factor and on its inverse (see `benchmarks/choices.py`)."""
_OWN: Any = None
"""What stands for the choice that a rule implies, until the recipe is made."""
_USUAL = ("balanced", "homeostatic")
_THEOREM = ("independent", "leak")
_IMPLIED = {"paper": _THEOREM, "magnitude": ("none", "none")}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to prune. A choice that is left out becomes the one that the rule implies.

    rule : "noise", "weight", "uniform", "magnitude" or "paper"
    sampling : "independent", "systematic" or "balanced"; or "largest", which keeps the largest
        importances as they are. "paper" draws independently, "magnitude" draws nothing ("none"),
        the others are balanced
    balance : "leak", "none" or "homeostatic"; "paper" has the leak, "magnitude" and the sampling
        "largest" have none, the others are homeostatic
    refit : fit the kept weights to the certificate
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
    refit: bool = False
    max_factor: float = MAX_FACTOR

    def __post_init__(self) -> None:
        one_of("rule", self.rule, RULES)
        usual = ("largest", "none") if self.sampling == "largest" else _USUAL
        sampling, balance = _IMPLIED.get(self.rule, usual)
        for name, implied in (("sampling", sampling), ("balance", balance)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, implied)
        if self.rule == "paper" and (self.sampling, self.balance) != _THEOREM:
            raise OptionError(
                "rule 'paper' draws independently and balances by the leak: leave sampling and "
                "balance out, or use rule 'noise'"
            )
        if self.rule == "magnitude":  # it draws nothing, whatever the sampling
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
        refit: bool = False,
        promise: bool = False,
    ) -> Recipe:
        """The recipe of options that may be None; for a `promise` of epsilon the theorem's."""
        implied: Any = _THEOREM if promise and rule not in _IMPLIED else (None, None)
        return cls(
            rule=rule,
            sampling=implied[0] if sampling is None else sampling,
            balance=implied[1] if balance is None else balance,
            refit=refit,
        )

    @property
    def needs_variance(self) -> bool:
        """True if the importance of a synapse is |w| v, so that v has to be measured."""
        return self.rule in NEED_VARIANCE

    @property
    def keeps_largest(self) -> bool:
        """True if the largest importances are kept as they are, with no draw."""
        return self.rule == "magnitude" or self.sampling == "largest"

    @property
    def is_the_theorem_s(self) -> bool:
        """True for the method that the theorem is about."""
        return self == replace(THEOREM, max_factor=self.max_factor)

    def as_asked(self) -> tuple[str | bool | float | None, ...]:
        """Rule, sampling and balance, with None for what the rule leaves no choice of.

        Then refit and the factor's bound, unless both are as usual.
        """
        sampling = None if self.rule in _IMPLIED else self.sampling
        choices = (self.rule, sampling, None if self.rule == "paper" else self.balance)
        more = (self.refit, self.max_factor)
        return choices if more == (False, MAX_FACTOR) else (*choices, *more)


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
)
"""The ways to prune that a comparison holds against one another."""
