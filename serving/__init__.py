"""A model server with TensorFlow Serving's architecture, words, flags and APIs."""
