"""What a recipe reaches, and what PyTorch reaches with the same data, network and settings.

`python -m benchmarks.quality RECIPE` trains both and prints the test numbers side by side.
"""
