"""How often a diagnosis is right, on healthy runs and on runs that were broken in one known way."""
