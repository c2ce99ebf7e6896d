"""Read real sweeps, align them, run a model on them, write the results."""
