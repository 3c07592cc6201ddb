"""Handwritten digits: a small convolutional network on MNIST images."""
