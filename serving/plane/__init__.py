"""Where a request runs: on the event loop, in a batch, or on a thread of its model. Knows no transport."""
