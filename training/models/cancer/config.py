"""Breast tumours, malignant or benign, from 30 measurements: scikit-learn's Wisconsin diagnostic data, 569 rows.

Hardware: 2 CPU cores, no accelerator. Duration: about 5 s.
Expected: accuracy 0.96 to 0.97 on the test split (146 rows); the bar is 0.93, two standard errors lower.
Command: shipway run cancer, or python -m training prepare --model=cancer --data=builtin ... and so on.
"""

from training.config import Bar, Config, Feature, Validation

MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)

CONFIG = Config(
    labels=("malignant", "benign"),
    # The lengths are in units of the scanner; none is negative, and none in the data is above 5,000.
    features=tuple(
        Feature(f"{statistic}_{measure}", low=0.0, high=10_000.0)
        for statistic in ("mean", "error", "worst")
        for measure in MEASURES
    ),
    split=(0.6, 0.15, 0.25),
    epochs=60,
    batch_size=32,
    learning_rate=5e-3,
    bars=(
        Bar("accuracy", bar=0.93, slice_bar=0.8, tolerance=0.03, slice_tolerance=0.1),
        Bar("loss", bar=0.3, tolerance=0.1, higher_is_better=False),
    ),
    least_slice=20,
    # 340 training rows: two halves of the same data are 0.1 apart by chance alone.
    validation=Validation(drift_warning=0.2, drift_error=0.4),
)
