"""Benchmarks: the time of clearprop compared with other libraries, in alternating turns.

``python -m benchmarks`` starts them; README.md describes what they measure.
"""
