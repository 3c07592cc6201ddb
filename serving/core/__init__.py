"""The life of servables: what is aspired, loaded, looked up and unloaded. Knows no TensorFlow and no transport."""
