"""gRPC: TensorFlow Serving's services as translations around the data plane."""
