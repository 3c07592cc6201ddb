"""The steps of a training run as plain typed functions on values and paths: no Hera, no Kubernetes, no git."""
