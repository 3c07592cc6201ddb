"""Predict's messages read from and written to protobuf's wire format. Not a protobuf library: the rest uses one."""
