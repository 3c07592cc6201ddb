"""What a server is told: models.config and the other text-format files."""
