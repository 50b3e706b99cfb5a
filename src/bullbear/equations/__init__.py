"""Equations: reading, resolving, ordering and printing them."""
