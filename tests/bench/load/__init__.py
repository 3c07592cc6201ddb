"""The one load client: closed loop, pre-encoded requests, every answer checked. Not here: starting servers."""
