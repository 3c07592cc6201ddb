"""The values of which a model's config is made. Not here: any model's values; they are in its own config.py."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Feature:
    """One named input of the network and of the predict signature, always <float32>[batch, *shape].

    low, high: The range that validate lets pass, both included; None for no limit.
    """

    name: str
    shape: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Bar:
    """What the gate asks of one metric; None asks nothing.

    bar: The worst value allowed on the whole test split; slice_bar: on any slice.
    tolerance: How much worse than the serving version it may be on the whole; slice_tolerance: on any slice.
    """

    metric: str
    bar: float | None = None
    slice_bar: float | None = None
    tolerance: float | None = None
    slice_tolerance: float | None = None
    higher_is_better: bool = True


@dataclass(frozen=True)
class Validation:
    """When validate warns and when it stops the run.

    least_examples: Of each label in each split, below which is an error.
    balance_warning: Share of the rarest label relative to an even one, below which it warns.
    drift_warning, drift_error: Jensen-Shannon distances to the served version's data, 0 (same) to 1 (disjoint).
    """

    least_examples: int = 5
    balance_warning: float = 0.5
    drift_warning: float = 0.15
    drift_error: float = 0.3


@dataclass(frozen=True)
class Config:
    """All that sets one model apart from another, but its data and its network.

    split: Shares of train, validation and test; they sum to 1.
    least_slice: Test examples that a slice needs before the gate looks at it.
    """

    labels: tuple[str, ...]
    features: tuple[Feature, ...]
    bars: tuple[Bar, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    least_slice: int = 30
    validation: Validation = field(default_factory=Validation)
