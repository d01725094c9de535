"""Films of a run: what its weights, layers and results look like from step to step."""
