"""Files of a run: written whole or not at all, locked, and checked when they are read."""
