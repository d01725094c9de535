"""The nodes of one pass: the compiled pass, its graph and numbers, and every node by name."""
