"""The kinds of fault that a diagnosis knows: each one's name, and the lecture's reason for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        title: what it is called.
        reason: why it hurts, in two or three sentences.
        explains: the kinds that follow from it, and are only notes beside it.
    """

    title: str
    reason: str
    explains: tuple[str, ...] = ()


SYMPTOMS = ("underfitting", "rate_too_low")
"""What is seen whenever a network does not learn, for whichever reason."""

INSIDE = (
    "dead_units",
    "saturated_units",
    "vanishing_by_depth",
    "exploding_by_depth",
    "vanishing_through_time",
    "exploding_through_time",
    "never_moved",
)
"""What is seen inside a network that was driven into a corner."""

KINDS: dict[str, Kind] = {
    "non_finite": Kind(
        "A number stopped being finite",
        "Infinite and undefined numbers spread: one in an output makes the loss one, the loss "
        "every error signal, and these every weight. Steps that are too long are the usual cause, "
        "as each overshoots the valley by more than the last; then inputs of great size.",
        (*SYMPTOMS, *INSIDE, "overfitting"),
    ),
    "inputs_not_scaled": Kind(
        "Inputs are not scaled",
        "The gradient of a weight is the error signal times the input, so a feature a thousand "
        "times larger takes steps a thousand times longer. No one learning rate suits all, and "
        "large sums drive units to where they no longer answer.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting"),
    ),
    "targets_not_scaled": Kind(
        "Targets are not scaled",
        "Squared error grows with the square of the targets, and its error signals with their "
        "size; a network that begins near zero must first carry its bias all the way to them.",
        (*SYMPTOMS, *INSIDE, "rate_too_high"),
    ),
    "symmetric_weights": Kind(
        "Units begin alike",
        "Units with equal weights compute equal values, receive equal error signals and make equal "
        "steps, so they stay equal for ever: a layer of them is one unit. This is why initial "
        "values are drawn at random.",
        (*SYMPTOMS, *INSIDE, "initial_scale"),
    ),
    "initial_scale": Kind(
        "Initial values of the wrong size",
        "Each layer multiplies the size of the signal by about the deviation of its weights times "
        "the root of its number of inputs. Away from one, signals shrink or grow from layer to "
        "layer, forward and back alike: the range of the initial values is the key, which Glorot's "
        "rule keeps.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting"),
    ),
    "rate_too_high": Kind(
        "Learning rate too high",
        "A gradient says where down is, not how far. A step longer than the valley is wide ends "
        "higher on its other side, so the objective jumps or rises in the place of falling, and "
        "units can be thrown to where they are silent.",
        (*SYMPTOMS, *INSIDE, "overfitting"),
    ),
    "rate_too_low": Kind(
        "Learning rate too low",
        "The way that weights go is at most the number of steps times their length. Where the "
        "steps are tiny the objective falls in a straight, gentle line, and the run is over "
        "before the weights have left their initial values.",
        ("underfitting",),
    ),
    "dead_units": Kind(
        "Dead units",
        "A rectified unit that is silent for every example has derivative zero for every example: "
        "no error signal passes it, its weights get no gradient, and it never wakes. Large steps "
        "and strongly negative biases do that.",
        (*SYMPTOMS, "vanishing_by_depth", "never_moved"),
    ),
    "saturated_units": Kind(
        "Saturated units",
        "A sigmoid's derivative is y (1 - y), that of tanh 1 - y^2: both are nearly zero at the "
        "ends of the curve. A unit that always sits there hands on hardly any error signal, and "
        "what stands below it hardly learns.",
        (*SYMPTOMS, "vanishing_by_depth", "vanishing_through_time", "never_moved"),
    ),
    "vanishing_by_depth": Kind(
        "The error signal vanishes on its way down",
        "By the chain rule the error signal is multiplied at each layer by weights and by a local "
        "derivative; a sigmoid's is at most 1/4. Products of many numbers below one go to zero, so "
        "the first layers hardly learn.",
        (*SYMPTOMS, "never_moved"),
    ),
    "exploding_by_depth": Kind(
        "The error signal explodes on its way down",
        "By the chain rule the error signal is multiplied at each layer; products of many numbers "
        "above one grow without bound, and the first layers are thrown about by their own "
        "gradients.",
        (*SYMPTOMS, "rate_too_high"),
    ),
    "vanishing_through_time": Kind(
        "The error signal vanishes through time",
        "Back-propagation through time multiplies by the same recurrent weights at every step. "
        "Where that factor is below one, what the network hears of early steps is lost, and it "
        "cannot learn to remember them; the cell state of an LSTM is a way around.",
        SYMPTOMS,
    ),
    "exploding_through_time": Kind(
        "The error signal explodes through time",
        "Back-propagation through time multiplies by the same recurrent weights at every step. "
        "Where that factor is above one, the error signal of early steps is huge, and one step "
        "throws the weights far away.",
        (*SYMPTOMS, "rate_too_high"),
    ),
    "never_moved": Kind(
        "A layer never moves",
        "Weights move only by their gradient, the error signal that arrives times what came in. "
        "Where none arrives (the way is cut, or the layer is frozen) they keep their initial "
        "values, and the layer is a random mapping.",
        SYMPTOMS,
    ),
    "bfloat16_underflow": Kind(
        "Steps are lost in bfloat16",
        "bfloat16 keeps 8 significant bits, so the next number above 1 is 1.0078. A step of less "
        "than half that distance is rounded away when it is added to the weight, however often it "
        "is made. Weights are kept in float32 and only the layers compute in bfloat16.",
        (*SYMPTOMS, "never_moved"),
    ),
    "labels_shuffled": Kind(
        "Targets do not follow from the inputs",
        "Learning finds what inputs and targets have in common. Where like inputs have targets no "
        "more alike than chance would have it, there is nothing to find: the rows were shuffled "
        "apart, or the inputs do not hold the answer. A large network learns such rows by heart.",
        (*SYMPTOMS, "overfitting", "never_moved", "class_imbalance"),
    ),
    "leaking_duplicates": Kind(
        "Development examples stand in the training part",
        "The development error stands for what the network has never seen. An example that is in "
        "both parts can be answered by heart, so the error is lower than it will be on new ones.",
    ),
    "class_imbalance": Kind(
        "A class is rare",
        "The objective is a mean over examples, so a class of few has little say in it: always "
        "naming the frequent one is cheap, and the fraction of wrong answers hides it.",
        ("underfitting", "overfitting"),
    ),
    "overfitting": Kind(
        "Overfitting",
        "Data is signal and noise, and a flexible network fits both: the accidents of its own "
        "examples are in the weights too. The training error falls on, and the development error "
        "does not follow, or rises.",
    ),
    "underfitting": Kind(
        "Underfitting",
        "With few units, or held back by too strong a regularization, the network cannot bend its "
        "boundary to the data: the objective levels off while it is still high, in training as in "
        "development.",
    ),
    "development_noise": Kind(
        "The development error is a rough measure",
        "A fraction of wrong answers among n examples is itself drawn by chance: its deviation is "
        "sqrt(p (1 - p) / n). Runs that differ by less than the interval cannot be told apart, and "
        "choosing the best epoch among many picks luck.",
    ),
    "unfinished": Kind(
        "The run has not ended",
        "What the curves say is said of the part that was made; the objective may be on its way.",
    ),
}  # fmt: skip
