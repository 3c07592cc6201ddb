"""Breast tumours, malignant or benign, from 30 measurements of the cells' nuclei."""
