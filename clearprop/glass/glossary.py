"""The terms of the pages: each is explained where it stands, by pointer, keyboard or touch."""

from __future__ import annotations

from markupsafe import Markup

GLOSSARY: dict[str, str] = {
    "error signal": (
        "The derivative of the loss with respect to a value: by how much the loss changes when the "
        "value grows a little, divided by that little."
    ),
    "objective": "The number that training makes smaller: the mean loss of the examples.",
    "loss": "How far the output for one example is from its target; 0 where it is as wished.",
    "weight of a finding": (
        "How strongly a finding limits the result, from 0 to 1. From 0.5 on it is a fault, below "
        "it is a note."
    ),
    "fault": "A finding that limits the result, or makes its numbers wrong. Begin with these.",
    "note": "A finding that is good to know, and that need not be mended.",
    "epoch": "One pass through all training examples.",
    "training error": (
        "The error on the examples from which the network learns, measured during an epoch, while "
        "the weights change."
    ),
    "development error": (
        "The error on examples that are held out of the training. It shows how well the network "
        "does on new examples, and when to stop."
    ),
    "overfitting": (
        "The network learns its training examples by heart: their error falls, and the error on "
        "other examples rises."
    ),
    "confidence": "The probability that the network gives to the class that it predicts.",
    "gradient": "The error signals of all weights. Training moves the weights against it.",
    "vanish": "An error signal vanishes if it shrinks to almost nothing on the way to the input.",
    "explode": "An error signal explodes if it grows without limit on the way to the input.",
    "silent unit": "A unit whose output is exactly 0. No error signal passes through it.",
    "local derivative": (
        "The derivative of the output of one operation with respect to one of its inputs. The "
        "chain rule multiplies it by the error signal of the output."
    ),
    "node": "One value of the pass: an input, a parameter, or the result of one operation.",
    "example": "One row of the data: its inputs, and the target that the output should have.",
    "target": "What the output should be for an example: a class or a number.",
    "step": "One change of all weights, made from the gradient of one batch.",
    "batch size": (
        "How many examples are averaged for one step. Small batches make many noisy steps, large "
        "ones few calm steps."
    ),
    "noise": "How far the examples are moved at random. With noise, classes overlap.",
    "test part": (
        "The examples that are held out: the network never learns from them, so they show how "
        "well it does on new examples."
    ),
    "test error": "The error on the test part: how well the network does on new examples.",
    "seed": "The number from which all random numbers are made: the same seed gives the same run.",
    "feature": "A number that the network gets as an input, made from x1 and x2.",
    "hidden layer": (
        "A row of units between the inputs and the output. Each unit of a layer reads all values "
        "of the layer before."
    ),
    "unit": (
        "It multiplies each of its inputs by a weight, adds them and its bias, and applies the "
        "activation to the sum."
    ),
    "activation": (
        "The function that makes a unit's value from its total input. Without one, many layers "
        "can do no more than one."
    ),
    "weight": "The number by which a unit multiplies one of its inputs. Training changes it.",
    "bias": "The number that a unit adds to its total input. Training changes it.",
    "total input": "The weighted sum: a unit's inputs times their weights, summed, plus its bias.",
    "value": "What a unit gives to the next layer: the activation of its total input.",
    "learning rate": (
        "The size of the steps: a weight changes by the learning rate times its gradient. Too "
        "large, and the loss grows; too small, and learning takes forever."
    ),
    "optimizer": "The rule that turns gradients into changes of the weights.",
    "schedule": "How the learning rate changes during training.",
    "regularization": (
        "What keeps weights small or units independent, so that the network learns the rule and "
        "not the noise of its examples."
    ),
    "L1 regularization": (
        "Adds this factor times the sum of absolute weights to the loss. It drives weights that "
        "are not needed to zero."
    ),
    "L2 regularization": (
        "Adds this factor times half the sum of squared weights to the loss. It keeps weights "
        "small."
    ),
    "dropout": (
        "The probability with which each hidden unit is left out of a training step, so that no "
        "unit can rely on another one alone."
    ),
    "initial weights": "How the weights are drawn before the first step.",
    "decision boundary": "Where the network changes its mind from one class to another.",
    "principal components": (
        "The two directions in which the columns of a table vary most, in place of two columns."
    ),
    "token": "One piece of a text: here a character. The network reads tokens as numbers.",
    "place": "The position of a token in the text. At each the network predicts the next token.",
    "next-character probability": (
        "softmax of the network's outputs at a place: how likely each character is to come next."
    ),
    "logit": ("The output of the network for one class, before softmax makes a probability of it."),
    "temperature": (
        "The number by which logits are divided before a token is drawn: below 1 the likely ones "
        "are drawn more often, above 1 the rare ones."
    ),
    "attention": (
        "At each place a weighted mean of values of other places. Each head has weights of its own."
    ),
    "head": "One of several attentions side by side, with queries, keys and values of its own.",
    "query": "What a place looks for: its product with a key is the score of that key.",
    "key": "What a place offers to be found by: its product with a query is its score.",
    "score": (
        "How well a key fits a query: their product, divided by the root of their number of "
        "features. softmax makes weights of the scores."
    ),
    "hidden state": "What a recurrent layer gives to the next layer, and to its own next step.",
    "cell state": (
        "The memory of an LSTM. From step to step it is multiplied by the forget gate, and gets "
        "something new through the input gate."
    ),
    "gate": "A number from 0 to 1 for each unit and step, by which another number is multiplied.",
    "input gate": "How much of the candidate is added to the cell state.",
    "forget gate": "How much of the cell state is kept: 1 keeps all of it, 0 forgets it.",
    "candidate": "What could be written into the state at this step, from -1 to 1.",
    "output gate": "How much of the cell state becomes the hidden state.",
    "reset gate": "How much of the hidden state before goes into the candidate of a GRU.",
    "update gate": "How much of the hidden state before a GRU keeps: 1 keeps all of it.",
    "back through time": (
        "Error signals go from each step to the step before it. At every step they are multiplied "
        "by local derivatives, so that they shrink or grow."
    ),
    "stream": (
        "One vector for each place, which layer after layer changes. The blocks of a transformer "
        "add to it."
    ),
}
"""What each term means, in one or two sentences."""


def identity(name: str) -> str:
    """Return the identity of a term's entry on a page.

    >>> identity("error signal")
    'term-error-signal'
    """
    return f"term-{name.replace(' ', '-')}"


def term(name: str, words: str | None = None) -> Markup:
    """Return a term that shows its meaning under the pointer, with the focus, and when touched.

    The page has the glossary, so that a screen reader finds the meaning there.

    Args:
        name: in `GLOSSARY`.
        words: as it stands in the sentence, such as a plural.

    >>> 'aria-describedby="term-epoch"' in term("epoch", "epochs")
    True
    """
    return Markup(
        '<span class="term" tabindex="0" aria-describedby="{}">{}'
        '<span class="meaning" aria-hidden="true">{}</span></span>'
    ).format(identity(name), words or name, GLOSSARY[name])


def entries(names: tuple[str, ...] | None = None) -> list[tuple[str, str, str]]:
    """Return identity, name and meaning of terms in the order of the alphabet; of all by default.

    >>> entries(("node", "epoch"))[0][:2]
    ('term-epoch', 'epoch')
    """
    return [(identity(name), name, GLOSSARY[name]) for name in sorted(names or GLOSSARY)]
