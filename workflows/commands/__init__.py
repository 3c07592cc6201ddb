"""One file per command of `shipway`: options, output and exit code; the work is done elsewhere."""
