"""Environments. Importing this package imports no simulator."""
