"""One neuron, step by step: Rosenblatt's rule learns AND, and cannot learn XOR.

Run it with ``python examples/one_neuron.py``.
"""

from __future__ import annotations

import clearprop as cp
from clearprop.recipes import prepare

for gate in ("and", "xor"):
    experiment = prepare("perceptron", {"data": {"name": gate}, "epochs": 20})
    run = experiment.train(progress=False)
    print(gate.upper())
    for line in experiment.recipe.remarks(run.model, run.history, experiment.splits):
        print(f"  {line}")

# The same by hand: the error signal at the neuron is output - target.
model = cp.models.Perceptron(2).init(0)
x, target = cp.data.load("and").inputs[:1], cp.data.load("and").targets[:1]
loss = cp.nn.find_loss("perceptron")
value, gradient = cp.value_and_grad(lambda model: loss(model(x), target))(model)
print(
    "the output for (0, 0) is 1, which is wrong: the error signal of the bias is",
    float(gradient.neuron.bias[0]),
)
