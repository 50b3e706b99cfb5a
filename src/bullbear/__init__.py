"""bullbear: system dynamics of a token economy."""
