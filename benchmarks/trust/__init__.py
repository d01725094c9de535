"""How the promises of a run are measured."""
