"""Sensitivity, equilibria, policies and checks of models."""
