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
