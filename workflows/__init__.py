"""The DAG, the engine that runs it on one machine, the release commit and the command line."""
