"""What a recipe reaches, and what PyTorch reaches with the same data, network and settings.

`.venv-peers/bin/python -m benchmarks.quality RECIPE` (after `make peers`) trains both and prints
the test numbers side by side.
"""
