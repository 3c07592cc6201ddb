"""What the server counts about itself, under upstream's metric names, and the page that Prometheus reads.

Knows no model and no transport.
"""
