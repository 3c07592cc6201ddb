"""The entry point of every step: `python -m training <step> --flag=value ...`."""

import os

# Before TensorFlow is imported: its notes on CPU features and plugins are no news to anyone.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "2")

from training.cli import main

if __name__ == "__main__":
    main()
