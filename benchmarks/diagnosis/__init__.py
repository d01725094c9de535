"""How often a diagnosis is right: healthy runs, and runs broken each in one known way."""
