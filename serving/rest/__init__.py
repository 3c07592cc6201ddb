"""HTTP/REST: URLs and JSON bodies to calls on the data plane, and answers to JSON, as TensorFlow Serving has them."""
