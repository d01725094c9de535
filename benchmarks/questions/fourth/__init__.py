"""A fourth set of faulty programs, corrections and healthy programs.

``python -m benchmarks.questions --set fourth`` asks `cp.diagnose` about them. They too were written
without a look at the rules of the diagnosis, and no threshold is chosen with them.
"""
