"""Whether foreign files can be trusted to end in a result or in an error of clearprop's own.

``python -m benchmarks.trust.mutants`` damages small sound files in many ways and reads them.
"""
