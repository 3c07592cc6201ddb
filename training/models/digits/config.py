"""Handwritten digits, 0 to 9.

Hardware: 2 CPU cores, no accelerator. Duration: about 12 s for the builtin 5,000 images.
Expected: accuracy 0.98 on the test split of the builtin images (767 of them).
Command: shipway run digits, or python -m training prepare --model=digits --data=builtin ... and so on.
"""

from training.config import Bar, Config, Feature

CONFIG = Config(
    labels=tuple("0123456789"),
    features=(Feature("images", shape=(28, 28, 1), low=0.0, high=1.0),),
    epochs=10,
    batch_size=64,
    learning_rate=3e-3,
    bars=(
        Bar("accuracy", bar=0.97, slice_bar=0.85, tolerance=0.01, slice_tolerance=0.06),
        Bar("loss", bar=0.2, tolerance=0.05, higher_is_better=False),
    ),
)
