"""Where aspired versions come from: a folder that is polled. A source loads nothing."""
