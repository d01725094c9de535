"""Benchmarks: ratios against peers, taken in turn in one run.

``python -m benchmarks`` starts them; README.md says what they measure.
"""
