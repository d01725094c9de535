"""Handwritten digits in ten lines: load, split, train, evaluate.

Run it with ``python examples/digits.py``; it takes a few seconds.
"""

from __future__ import annotations

import clearprop as cp

parts = cp.data.load("digits").split(dev=0.1, test=0.2, seed=0)
layers = [cp.nn.Flatten(), cp.nn.Linear(64, 100), "relu", cp.nn.Linear(100, 10)]
run = cp.fit(cp.nn.Sequential(layers), parts, learning_rate=0.003, epochs=40, progress=False)
result = cp.evaluate(run.model, parts.test, preprocessor=run.preprocessor)

print(f"{result.examples} digits that the network had never seen: {result.accuracy:.1%} right")
print(run.history.as_csv().splitlines()[-1])
