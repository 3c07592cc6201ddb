"""What bounds every figure: a transport without a model, and a model without a transport."""
