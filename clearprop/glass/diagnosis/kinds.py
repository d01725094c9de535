"""The kinds of fault that a diagnosis knows: the name of each, why it matters, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        title: its name.
        reason: why it keeps a network from learning, then what to do about it.
        explains: the kinds that it can cause; next to it they are only notes.
    """

    title: str
    reason: str
    explains: tuple[str, ...] = ()


SYMPTOMS = (
    "underfitting",
    "rate_too_low",
    "below_linear_model",
    "class_never_predicted",
    "unsuitable_optimizer",
    "too_few_epochs",
)
"""Kinds that are seen whenever a network does not learn, whatever the cause is."""

INSIDE = (
    "dead_units",
    "saturated_units",
    "vanishing_by_depth",
    "exploding_by_depth",
    "vanishing_through_time",
    "exploding_through_time",
    "never_moved",
)
"""Kinds that are seen inside the layers, often because of a cause outside them."""

KINDS: dict[str, Kind] = {
    "non_finite": Kind(
        "A number stopped being finite",
        "If one output is infinite or not a number, then so is the loss, and after the next step "
        "every weight. An operation that breaks at some numbers, such as the logarithm of 0, can "
        "cause this; otherwise the learning rate is usually too high: each step overshoots the "
        "minimum by more than the last one. Mend the operation, or use a lower learning rate and "
        "scale the inputs.",
        (*SYMPTOMS, *INSIDE, "overfitting"),
    ),
    "last_layer": Kind(
        "The last layer does not fit the loss or the targets",
        "The last operation and the loss belong together: cross-entropy applies softmax or sigmoid "
        "itself, and takes any number; a loss of numbers needs outputs that can reach the targets. "
        "A second softmax, or a range that the targets leave, keeps the loss high whatever the "
        "weights are. End with the linear layer, or with the activation that the targets ask for.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "non_finite", "overfitting", "labels_shuffled"),
    ),
    "invalid_targets": Kind(
        "Targets that the loss cannot mean",
        "A loss reads its targets in one way: as the number of a class, as probabilities that sum "
        "to 1, as 0 and 1, or as numbers. Targets of another form still give a number and a "
        "gradient, but of another task. Bring the targets into the form that the loss takes, or "
        "take the loss for this form.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting", "labels_shuffled",
         "class_imbalance", "non_finite"),
    ),
    "unsuitable_loss": Kind(
        "The loss does not suit the task",
        "A class is no quantity, and the distance between the numbers of two classes means "
        "nothing. Squared and absolute error treat it as a quantity; their error signal is small "
        "where a wrong class is predicted with certainty. For classes use cross-entropy, for "
        "numbers squared error. A loss that lacks its minus sign is lowest where the outputs are "
        "most wrong.",
        (*SYMPTOMS, *INSIDE, "overfitting", "rate_too_high", "non_finite"),
    ),
    "single_class": Kind(
        "All targets are equal",
        "If all training examples have the same target, the network learns to ignore its inputs. "
        "The training error soon is zero, and says nothing. Check how the targets were read, and "
        "shuffle sorted examples before they are split.",
        (*SYMPTOMS, *INSIDE, "overfitting", "labels_shuffled", "development_differs", "last_layer"),
    ),
    "constant_inputs": Kind(
        "Inputs are constant",
        "What is the same in every example cannot tell examples apart, and behind it units are "
        "equal for all of them, or dead. Often a conversion is the cause: dividing integers, "
        "scaling twice, or drawing a picture on a background of its own color. Look at some "
        "inputs as numbers.",
        (*SYMPTOMS, *INSIDE, "inputs_not_scaled", "labels_shuffled", "overfitting",
         "leaking_duplicates"),
    ),
    "mixed_examples": Kind(
        "An output depends on other examples",
        "A network predicts each example from its own inputs. If a layer mixes the examples of a "
        "batch, the target of one example is learned from the inputs of another. Usually a reshape "
        "stands in place of a transpose, or a mean, a softmax or a flip has the wrong axis. Axis 0 "
        "belongs to the examples: leave it alone.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting", "labels_shuffled", "lost_information"),
    ),
    "lost_information": Kind(
        "A layer loses what the targets need",
        "What one layer throws away, no later layer can bring back. Usually a mean over the wrong "
        "axis, a conversion to whole numbers, or a range that cuts off most values is the cause. "
        "The layers behind it then have constant inputs, and their units look dead. Look at the "
        "layer's outputs for some examples.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting", "labels_shuffled"),
    ),
    "development_differs": Kind(
        "The development part differs from the training part",
        "A network learns what its training examples show. It cannot know classes that none of "
        "them has, and outside their range it only guesses. The development error is then high "
        "however long the training is, but this is no overfitting. Shuffle all examples before "
        "they are split, and scale both parts with the same numbers.",
        ("overfitting", "labels_shuffled", "class_imbalance"),
    ),
    "inputs_not_scaled": Kind(
        "Inputs are not scaled",
        "The gradient of a weight is the error signal times the input, so a feature that is a "
        "thousand times larger gets steps that are a thousand times longer. No learning rate fits "
        "all weights, and large inputs saturate the units. Standardize the inputs.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting", "non_finite"),
    ),
    "targets_not_scaled": Kind(
        "Targets are not scaled",
        "Large targets make the squared error and its error signals large. The outputs start near "
        "zero, so most of the training only moves the bias to the mean of the targets. "
        "Standardize the targets.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "non_finite"),
    ),
    "symmetric_weights": Kind(
        "Units start with equal weights",
        "Units with equal weights compute equal outputs, get equal error signals and take equal "
        "steps. They stay equal in every step, so the whole layer can do no more than one unit. "
        "Draw the initial weights at random.",
        (*SYMPTOMS, *INSIDE, "initial_scale", "rate_too_high"),
    ),
    "initial_scale": Kind(
        "Initial values of the wrong size",
        "Each layer multiplies the size of the signal by about the standard deviation of its "
        "weights times the square root of its number of inputs. If this factor is far from one, "
        "outputs and error signals shrink or grow from layer to layer. Use Glorot's or He's "
        "initializer.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting", "non_finite"),
    ),
    "rate_too_high": Kind(
        "Learning rate too high",
        "The gradient gives the direction of a step, not a safe length. A step that is too long "
        "passes the minimum and ends at a higher loss on the other side. The objective jumps or "
        "rises, and units may become dead. Use a lower learning rate.",
        (*SYMPTOMS, *INSIDE, "overfitting"),
    ),
    "rate_too_low": Kind(
        "Learning rate too low",
        "The weights can move at most the number of steps times the length of a step. With tiny "
        "steps the objective falls very slowly, and the run ends while the weights are still "
        "close to their initial values. Use a higher learning rate.",
        ("underfitting", "below_linear_model", "class_never_predicted", "unsuitable_optimizer",
         "too_few_epochs"),
    ),
    "penalty_too_strong": Kind(
        "The penalty on the weights is too strong",
        "A penalty pulls every weight towards zero. If its gradient is larger than that of the "
        "loss, the weights shrink until the network returns nearly the same for every input. Use "
        "a penalty a hundred times weaker, or none, until the training error is low.",
        (*SYMPTOMS, *INSIDE, "overfitting", "rate_too_high"),
    ),
    "dropout_too_strong": Kind(
        "Too much dropout",
        "Dropout sets a fraction of the units to 0 in every step and scales the others up. From "
        "about three quarters on, what is left changes so much from step to step that a layer can "
        "hardly learn, and its units may become dead. Use a rate of 0.5 or less in hidden layers.",
        (*SYMPTOMS, *INSIDE, "rate_too_high", "overfitting"),
    ),
    "missing_nonlinearity": Kind(
        "No nonlinearity between two layers",
        "A linear layer of a linear layer is a linear layer: the product of the two matrices does "
        "the same. However many such layers follow each other, they separate no more than a "
        "straight line does. Put an activation such as relu between them.",
        SYMPTOMS,
    ),
    "dead_units": Kind(
        "Dead units",
        "A relu unit that is zero for every example also has derivative zero for every example, "
        "so its weights get no gradient and it stays at zero. Steps that are too long and "
        "strongly negative biases cause this. Use a lower learning rate, or leaky_relu.",
        (*SYMPTOMS, "vanishing_by_depth", "never_moved"),
    ),
    "saturated_units": Kind(
        "Saturated units",
        "The derivative of sigmoid is y (1 - y), that of tanh is 1 - y^2: almost zero where the "
        "output y is at an end of its range. Such a unit passes almost no error signal back, so "
        "the layers before it hardly learn. Use smaller initial weights and a lower learning "
        "rate.",
        (*SYMPTOMS, "vanishing_by_depth", "vanishing_through_time", "never_moved"),
    ),
    "vanishing_by_depth": Kind(
        "The error signal vanishes from layer to layer",
        "By the chain rule every layer multiplies the error signal by its weights and by a "
        "derivative, which is at most 1/4 for sigmoid. A product of many numbers below one is "
        "close to zero, so the first layers hardly learn. Use relu and He's initializer.",
        (*SYMPTOMS, "never_moved"),
    ),
    "exploding_by_depth": Kind(
        "The error signal explodes from layer to layer",
        "By the chain rule every layer multiplies the error signal by its weights. A product of "
        "many numbers above one is huge, so the first layers get steps that are far too long. Use "
        "smaller initial weights, and clip the gradients.",
        (*SYMPTOMS, "rate_too_high"),
    ),
    "vanishing_through_time": Kind(
        "The error signal vanishes through time",
        "Back-propagation through time multiplies the error signal by the same recurrent weights "
        "at every step. If this factor is below one, almost nothing arrives at the early steps, "
        "and the network can hardly learn to remember them. The cell state of an LSTM avoids this "
        "while its forget gates are open.",
        SYMPTOMS,
    ),
    "exploding_through_time": Kind(
        "The error signal explodes through time",
        "Back-propagation through time multiplies the error signal by the same recurrent weights "
        "at every step. If this factor is above one, the error signal of early steps is huge, and "
        "one step can destroy what was learned. Use orthogonal initial weights, and clip the "
        "gradients.",
        (*SYMPTOMS, "rate_too_high"),
    ),
    "never_moved": Kind(
        "A layer never changes",
        "The gradient of a weight is the error signal times the input of its layer. If no error "
        "signal arrives, because the path is cut or the layer is frozen, the weights keep their "
        "random initial values. Find the layer where the error signal stops.",
        (*SYMPTOMS, "overfitting"),
    ),
    "bfloat16_underflow": Kind(
        "Steps are lost in bfloat16",
        "bfloat16 has 8 significant bits, so the next number above 1 is 1.0078. A step of less "
        "than half that distance is rounded away when it is added to the weight, every time. Keep "
        "the weights in float32, and compute in bfloat16 only inside the layers.",
        (*SYMPTOMS, "never_moved"),
    ),
    "labels_shuffled": Kind(
        "Targets do not depend on the inputs",
        "If similar inputs have targets that are no more similar than random ones, there is "
        "nothing to learn; a large network can only memorize the examples. Check whether inputs "
        "and targets were shuffled separately, and whether the inputs contain what has to be "
        "predicted.",
        (*SYMPTOMS, "overfitting", "never_moved", "class_imbalance"),
    ),
    "leaking_duplicates": Kind(
        "Development examples are also training examples",
        "The development error is measured on examples that the network has never seen. An "
        "example in both parts can be memorized, so the error is lower than on new examples. "
        "Remove the copies before the data is split.",
    ),
    "leaking_targets": Kind(
        "The inputs contain the targets",
        "A network that can read its target does not learn to predict it. Training and development "
        "error are low, and both mean nothing: for new examples the target is not there to be "
        "read. Leave out the column, or hide from each step of a sequence what comes after it.",
        ("leaking_duplicates",),
    ),
    "wide_code": Kind(
        "The code is as wide as the input",
        "An autoencoder whose code has room for the whole example may copy it: its error is then "
        "low, and the code says nothing that the example does not. Give the code fewer numbers "
        "than an example has, or put noise on the inputs, so that a copy is no answer.",
    ),
    "running_statistics": Kind(
        "Running statistics do not fit the data",
        "In training, batch normalization uses the mean and the variance of each batch; in "
        "evaluation, running averages of them. If these lag behind or come from other data, the "
        "same examples have other outputs in evaluation. Use the usual momentum, more steps, and "
        "batches that are not tiny.",
        (*SYMPTOMS, *INSIDE, "overfitting"),
    ),
    "unsuitable_optimizer": Kind(
        "Another optimizer or batch size gets further",
        "From the same first values, a number of steps with other settings reaches a much lower "
        "loss. A rate that does not suit the curvature, or batches that are so large that few "
        "steps are made, cost most of the training time. Take the settings that got further.",
        ("underfitting", "below_linear_model", "class_never_predicted", "too_few_epochs"),
    ),
    "class_imbalance": Kind(
        "A class is rare",
        "The objective is a mean over examples, so a class with few examples hardly changes it. A "
        "network that never predicts this class still has a low error. Show the rare examples "
        "more often.",
        ("underfitting", "overfitting", "class_never_predicted"),
    ),
    "overfitting": Kind(
        "Overfitting",
        "A flexible network also fits the noise of its training examples, which other examples do "
        "not share. The training error keeps falling, but the development error stays above it or "
        "rises. Stop earlier, use weight decay or dropout, or collect more data.",
    ),
    "underfitting": Kind(
        "Underfitting",
        "A network with few units, or with strong regularization, cannot fit the decision "
        "boundary to the data. The objective stops falling while the training and the development "
        "error are still high. Use more units, less regularization or more epochs.",
        ("below_linear_model", "class_never_predicted"),
    ),
    "below_linear_model": Kind(
        "Worse than a linear model",
        "A linear model has one layer and no choice of rates, and its best weights are found in "
        "closed form or by a convex descent. A network contains it as a special case, so a higher "
        "error means that the training has not worked, whatever the cause is. Try usual settings: "
        "standardized inputs, Adam with a rate of 0.001.",
        ("class_never_predicted",),
    ),
    "class_never_predicted": Kind(
        "A class is never predicted",
        "A class is predicted where its output is the largest. If it is rare or hard to see, "
        "another class is always more likely, and the mean error hides that this class is never "
        "found. Show its examples more often, or predict it from a lower probability on.",
    ),
    "too_few_epochs": Kind(
        "The run may have ended too early",
        "As long as the objective falls by some percent with every pass, and the development error "
        "is at its lowest, the weights are not where this training leads. Train for more epochs, "
        "and let the development error say when to stop.",
        ("below_linear_model", "class_never_predicted", "underfitting"),
    ),
    "development_noise": Kind(
        "The development error is inaccurate",
        "The fraction of wrong predictions among n examples varies by chance, with the standard "
        "deviation sqrt(p (1 - p) / n). The answers of one sequence hang together, so there each "
        "sequence counts once, with its own error. Two runs that differ by less cannot be ranked, "
        "and the best of many epochs is partly luck. Hold out more examples, or compare several "
        "seeds.",
    ),
    "values_without_bound": Kind(
        "The values are higher than any return",
        "The targets of a Q-network are made from its own values, so an error in them can feed "
        "itself: the values grow, and the best action is chosen among errors. It happens where the "
        "loss is linear from small errors on, because then the few transitions that end an episode "
        "pull no harder than the others; where the largest of several values is taken without the "
        "double form; and at high rates. Take the squared error and the double form, a lower rate, "
        "or a target network that changes less often.",
    ),
    "no_reward_found": Kind(
        "No episode was different from the others",
        "A value is learned from rewards that differ. Where random actions never reach the state "
        "that pays, every action seems as good as any other. Explore more: for longer, or with "
        "random actions that are repeated for several steps; or give more steps.",
    ),
    "mode_collapse": Kind(
        "Mode collapse",
        "The discriminator judges one example at a time, so nothing in a single judgment says that "
        "all samples are alike. A generator that makes a few convincing examples deceives it as "
        "well as one that makes all, and moves on when these are found out. Smooth the "
        "discriminator: by noise that falls to nothing, by a penalty of its slope, or by spectral "
        "normalization.",
    ),
    "generator_without_signal": Kind(
        "No error signal reaches the generator",
        "The generator learns only from the error signal that the discriminator sends back through "
        "an example. In the minimax game it is the slope of log(1 - D), which is nearly 0 where "
        "the discriminator is certain that an example is generated. Take the non-saturating loss, "
        "or a critic with a penalty of its slope, and let the discriminator learn less.",
        ("mode_collapse",),
    ),
    "unfinished": Kind(
        "The run has not ended",
        "The curves only show the epochs that were finished, and the objective may still fall. "
        "Resume the run.",
    ),
}  # fmt: skip
