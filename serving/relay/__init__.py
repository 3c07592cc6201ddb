"""Transports in processes of their own, which hand every whole request up to the process that has the models."""
