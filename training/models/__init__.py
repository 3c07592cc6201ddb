"""One folder per model: config.py (values), data.py (examples) and network.py (the Keras model). Adding one is all."""
