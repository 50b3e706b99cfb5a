"""Everything that moves time forward: models, scenarios, runs."""
