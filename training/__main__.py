"""The entry point of every step: `python -m training <step> --flag=value ...`."""

import os
import sys

# Before TensorFlow is imported: its notes on CPU features and plugins are no news to anyone.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "2")
# `import tensorflow` loads Keras 3 unless told that the old one is meant: 2 s of 5, and this step needs none.
if sys.argv[1:2] == ["check"]:
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from training.cli import main

if __name__ == "__main__":
    main()
