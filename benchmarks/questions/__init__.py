"""Faulty programs in the manner of real questions, with their corrections and causes.

``python -m benchmarks.questions`` trains them, asks `cp.diagnose` about each, and prints how many
causes it names and how many faults it reports that are not there. The programs, the causes and what
counts as an answer were written without a look at the rules of the diagnosis. They measure it: no
threshold is chosen with them.
"""
