"""The one kind of servable: a TensorFlow SavedModel, its loading and what is asked of it. Knows no transport."""
