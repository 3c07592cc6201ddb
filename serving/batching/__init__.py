"""Batching across requests: many calls wait in a queue, run as one, and each gets its rows back. Knows no transport."""
