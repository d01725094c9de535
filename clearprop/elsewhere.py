"""What PyTorch, Keras and scikit-learn call things, and what they are called here.

None of these names works: the error that an unknown name gets says ours. `docs/coming-from.md`
shows the same tables.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from clearprop.errors import ConfigurationError

CLOSE = 0.7
"""How alike a wrong name and a name of ours are at least, for the answer to be this name."""

_ACCUMULATE = "batch_size=4, micro_batch_size=1  # a step adds the gradients of 4 micro-batches"

FIT = {
    "lr": "learning_rate=0.001",
    "learning_rate_init": "learning_rate=0.001",
    "optim": 'optimizer="adam"',
    "solver": 'optimizer="adam"',
    "criterion": 'loss="cross_entropy"',
    "loss_fn": 'loss="cross_entropy"',
    "n_epochs": "epochs=10",
    "num_epochs": "epochs=10",
    "nb_epoch": "epochs=10",
    "max_epochs": "epochs=10",
    "max_iter": "epochs=10",
    "validation_split": "dev=0.1  # the fraction of the examples to hold out",
    "validation_fraction": "dev=0.1  # the fraction of the examples to hold out",
    "validation_data": "dev=(x_dev, y_dev)",
    "eval_set": "dev=(x_dev, y_dev)",
    "callbacks": "on_event=print  # a function that is given every event of the run",
    "verbose": "progress=False  # shows nothing",
    "random_state": "seed=0",
    "early_stopping": "patience=10  # epochs without a lower development error",
    "n_iter_no_change": "patience=10",
    "restore_best_weights": "keep_best=True",
    "mode": "leave it out: which direction is better follows from the metric",
    "min_delta": "leave it out: every improvement counts",
    "loss_weights": "loss=...  # one function that adds the losses; the page Your own data has it",
    "weight_decay": "optimizer=cp.optim.adamw(0.001, weight_decay=0.01)",
    "alpha": "optimizer=cp.optim.adamw(0.001, weight_decay=0.01)",
    "accumulate": _ACCUMULATE,
    "accumulate_grad_batches": _ACCUMULATE,
    "gradient_accumulation_steps": _ACCUMULATE,
    "scheduler": "learning_rate=cp.optim.schedules.one_cycle(0.01, steps=1000)",
    "lr_scheduler": "learning_rate=cp.optim.schedules.one_cycle(0.01, steps=1000)",
    "clipnorm": "optimizer=cp.optim.chain(cp.optim.clip_by_global_norm(1.0), cp.optim.adam(0.001))",
    "max_norm": "optimizer=cp.optim.chain(cp.optim.clip_by_global_norm(1.0), cp.optim.adam(0.001))",
    "shuffle": "leave it out: every epoch has a new order",
    "device": "devices=1",
    "dtype": 'precision="bfloat16"',
    "mixed_precision": 'precision="bfloat16"',
    "initial_epoch": "folder=..., resume=True",
    "warm_start": "folder=..., resume=True",
    "data": "fit(model, data): the data is the second argument, without a name",
    "X": "fit(model, x, y): the inputs are the second argument",
}
"""Arguments of training."""

LOSSES = {
    "mse": "mean_squared_error",
    "MSELoss": "mean_squared_error",
    "mae": "mean_absolute_error",
    "l1": "mean_absolute_error",
    "L1Loss": "mean_absolute_error",
    "l1_loss": "mean_absolute_error",
    "HuberLoss": "huber",
    "huber_loss": "huber",
    "SmoothL1Loss": "smooth_l1",
    "smooth_l1_loss": "smooth_l1",
    "bce": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy",
    "BCELoss": "log_loss",
    "binary_crossentropy": "binary_cross_entropy",
    "CrossEntropyLoss": "cross_entropy",
    "crossentropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "NLLLoss": "nll",
    "nll_loss": "nll",
    "CTCLoss": "ctc",
    "ctc_loss": "ctc",
    "TripletMarginLoss": "triplet",
    "triplet_margin_loss": "triplet",
    "CosineEmbeddingLoss": "cosine_embedding",
    "cosine_embedding_loss": "cosine_embedding",
    "KLDivLoss": "kl_divergence",
    "kld": "kl_divergence",
    "squared_hinge": "hinge",
}
"""Losses by name."""

METRICS = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "AUC": "roc_auc",
    "AUROC": "roc_auc",
    "roc_auc_ovr": "roc_auc",
    "f1_score": "f1",
    "F1Score": "f1_macro",
    "accuracy_score": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_top_k_categorical_accuracy": "top_5_accuracy",
    "top_k_accuracy": "top_5_accuracy",
    "neg_log_loss": "log_loss",
    "brier_score_loss": "brier_score",
    "ece": "expected_calibration_error",
    "mcc": "matthews_corrcoef",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "r2_score": "r2",
}
"""Metrics by name."""

MONITORS = {
    "val_loss": "development_objective",
    "val_accuracy": "development_error",
    "val_acc": "development_error",
    "loss": "development_objective",
    "error": "development_error",
    "objective": "development_objective",
}
"""What may be watched to stop a run, by name."""

LAYERS = {
    "Dense": "Linear",
    "Conv1D": "Conv1d",
    "Conv2D": "Conv2d",
    "Conv3D": "Conv3d",
    "Conv2DTranspose": "ConvTranspose2d",
    "MaxPooling1D": "MaxPool1d",
    "MaxPooling2D": "MaxPool2d",
    "AveragePooling2D": "AvgPool2d",
    "AdaptiveAvgPool2d": "AdaptiveAvgPool",
    "AdaptiveMaxPool2d": "AdaptiveMaxPool",
    "UpSampling2D": "Upsample",
    "GlobalAveragePooling2D": "GlobalAvgPool",
    "BatchNormalization": "BatchNorm",
    "BatchNorm1d": "BatchNorm",
    "BatchNorm2d": "BatchNorm",
    "LayerNormalization": "LayerNorm",
    "GroupNormalization": "GroupNorm",
    "InstanceNorm1d": "InstanceNorm",
    "InstanceNorm2d": "InstanceNorm",
    "SimpleRNN": "RNN",
    "MultiheadAttention": "MultiHeadAttention",
    "TransformerEncoderLayer": "TransformerBlock",
    "Dropout2d": "Dropout",
    "init": "initializers",
    "ModuleList": "nothing: a list or tuple of layers is enough",
    "ModuleDict": "nothing: a dict of layers is enough",
    "ParameterList": "nothing: a list or tuple of parameters is enough",
    "Buffer": "nothing: an array in a field is a constant",
    "Input": "nothing: the first layer is given its number of inputs",
    "Model": "Module",
    "Layer": "Module",
    "functional": "nothing: the functions are those of clearprop.ops",
}
"""Layers of ``clearprop.nn``."""

LAYER_ARGUMENTS = {
    "p": "rate=0.5",
    "in_dim": "in_features=...",
    "input_dim": "in_features=...",
    "input_size": "in_features=...",
    "units": "out_features=...",
    "output_dim": "out_features=...",
    "use_bias": "bias=True",
    "kernel_initializer": "weight_init=nn.initializers.glorot_uniform",
    "bias_initializer": "bias_init=nn.initializers.zeros",
    "filters": "out_channels=...",
    "num_embeddings": "size=...",
    "embedding_dim": "features=...",
    "num_features": "features=...",
    "eps": "epsilon=1e-5",
    "num_heads": "heads=...",
    "nhead": "heads=...",
    "embed_dim": "features=...",
    "d_model": "features=...",
    "dim_feedforward": "hidden_features=...",
    "num_layers": "layers=2",
    "hidden_dim": "hidden_size=...",
    "kernel_size": "window=2",
    "pool_size": "window=2",
    "strides": "stride=2",
    "dim": "axis=-1",
    "activation": "leave it out: an activation is a layer of its own, such as nn.ReLU()",
    "batch_first": "leave it out: the batch is the first axis",
    "start_dim": "leave it out: all axes but the batch become one",
    "device": "leave it out: fit(devices=...) chooses",
    "dtype": "leave it out: model.init(0, dtype=...) chooses",
    "input_shape": "leave it out: the first argument is the number of inputs",
}
"""Arguments of layers."""

INITIALIZERS = {
    "zeros": "zeros",
    "ones": "ones",
    "constant": "constant(0.1)",
    "uniform": "uniform(0.05)",
    "normal": "normal(0.01)",
    "truncated_normal": "truncated_normal(0.02)",
    "orthogonal": "orthogonal",
    "glorot_uniform": "glorot_uniform",
    "glorot_normal": "glorot_normal",
    "he_uniform": "he_uniform",
    "he_normal": "he_normal",
    "lecun_normal": "lecun_normal",
    "xavier": "glorot_uniform",
    "xavier_uniform": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "kaiming": "he_uniform",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
    "random_normal": "normal(0.01)",
    "random_uniform": "uniform(0.05)",
}
"""Names of initial values, here and elsewhere, and their functions in ``nn.initializers``."""

MODULE_ATTRIBUTES = {
    "training": "nn.current().training",
    "forward": "model(x)",
    "named_parameters": "model.parameters().items()",
    "state_dict": "model.parameters()",
    "load_state_dict": "cp.interop.pytorch.load_state_dict(model, file)",
    "register_buffer": "self.name = array  # an array in a field is a constant",
    "register_parameter": "self.name = nn.Parameter(array)",
    "add_module": "self.name = layer",
    "named_modules": "nn.modules(model).items()",
    "modules": "nn.modules(model).values()",
    "children": "nn.modules(model).values()",
    "train": "leave it out: cp.fit trains, everything else is inference",
    "eval": "leave it out: cp.fit trains, everything else is inference",
    "to": "leave it out: cp.fit(devices=...) chooses",
    "cuda": "leave it out: JAX takes the GPU where there is one",
    "cpu": "leave it out: arrays need no move",
    "zero_grad": "leave it out: gradients are values and are not kept",
    "requires_grad_": 'cp.fit(..., freeze=["path"])',
    "fit": "cp.fit(model, x, y)",
    "predict": "cp.predict(model, x)",
    "summary": "nn.summary(model, input_shape)",
    "evaluate": "cp.evaluate(model, (x, y))",
    "compile": "cp.fit(model, x, y, loss=..., optimizer=...)",
    "get_weights": "model.parameters()",
    "save": 'cp.save(model, "model.safetensors")',
    "save_weights": 'cp.save(model, "model.safetensors")',
    "load_weights": 'cp.load("model.safetensors").model',
    "add": "nn.Sequential(layer, layer)  # all layers are given at once",
    "count_params": "nn.summary(model, input_shape)",
    "get_layer": "nn.modules(model)[path]",
    "trainable": 'cp.fit(..., freeze=["path"])',
    "backward": "cp.value_and_grad(loss)(model)",
}
"""Attributes and methods of modules."""

RUN_ATTRIBUTES = {
    "predict_proba": "run.probabilities(x)",
    "predict_classes": "run.labels(x)",
    "score": "run.evaluate((x, y))",
    "fit": "cp.fit(model, x, y, folder=..., resume=True)",
    "save": 'cp.save(run.model, "model.safetensors")',
    "summary": "nn.summary(run.model, input_shape)",
    "explain": "cp.explain(run, x, y)",
    "diagnose": "cp.diagnose(run, data)",
    "best_epoch": "run.stopped.best_epoch",
    "loss_curve_": "run.losses",
}
"""Attributes and methods of trained models."""

EVALUATION = {
    "batch_size": "leave it out: batches are as large as they compute fast",
    "verbose": "leave it out: nothing is shown",
    "x": "evaluate((x, y)), predict(x): the first argument has no name",
    "X": "evaluate((x, y)), predict(x): the first argument has no name",
    "model": "like=model  # of the same architecture, for a file that does not describe its own",
    "custom_objects": "like=model  # of the same architecture, with your classes",
    "map_location": "leave it out: JAX takes the GPU where there is one",
}
"""Arguments of prediction, evaluation and loading."""

OPTIMIZER_ATTRIBUTES = {
    "step": "updates, state = optimizer.update(gradients, state, weights); "
    "weights = optim.apply(weights, updates)",
    "apply_gradients": "updates, state = optimizer.update(gradients, state, weights); "
    "weights = optim.apply(weights, updates)",
    "zero_grad": "leave it out: gradients are values and are not kept",
    "state_dict": "state = optimizer.init(weights)",
}
"""Attributes and methods of optimizers."""

OPTIMIZER_ARGUMENTS = {
    "lr": "learning_rate=0.001",
    "betas": "beta1=0.9, beta2=0.999",
    "beta_1": "beta1=0.9",
    "beta_2": "beta2=0.999",
    "eps": "epsilon=1e-8",
    "rho": "decay=0.9",
    "params": "leave it out: optimizer.init(parameters) is given them",
    "momentum": "optim.momentum(0.01, momentum=0.9)",
    "nesterov": "optim.nesterov(0.01, momentum=0.9)",
}
"""Arguments of optimizers."""

OPTIMIZERS = {
    "SGD": "sgd",
    "Adam": "adam",
    "AdamW": "adamw",
    "NAdam": "nadam",
    "RAdam": "radam",
    "Adamax": "adamax",
    "RMSprop": "rmsprop",
    "Adagrad": "adagrad",
    "Adadelta": "adadelta",
    "Lion": "lion",
    "Lamb": "lamb",
    "Muon": "muon",
    "LBFGS": "lbfgs",
    "Momentum": "momentum",
    "StepLR": "schedules.step",
    "MultiStepLR": "schedules.piecewise",
    "PiecewiseConstantDecay": "schedules.piecewise",
    "ExponentialLR": "schedules.exponential",
    "ExponentialDecay": "schedules.exponential",
    "CosineAnnealingLR": "schedules.cosine",
    "CosineDecay": "schedules.cosine",
    "CosineAnnealingWarmRestarts": "schedules.cosine_restarts",
    "CosineDecayRestarts": "schedules.cosine_restarts",
    "PolynomialLR": "schedules.polynomial",
    "PolynomialDecay": "schedules.polynomial",
    "LinearLR": "schedules.warmup",
    "OneCycleLR": "schedules.one_cycle",
    "CyclicLR": "schedules.cyclic",
    "ReduceLROnPlateau": "reduce_on_plateau",
    "clip_grad_norm_": "clip_by_global_norm",
    "clip_grad_value_": "clip_by_value",
    "apply_updates": "apply",
}
"""Optimizers, schedules and their parts of ``clearprop.optim``."""

FUNCTIONS = {
    "compile": "fit(model, x, y, loss=..., optimizer=...)",
    "train": "fit",
    "score": "evaluate",
    "load_model": "load",
    "why": 'explain(model, x, y).why("path")',
    "StopTraining": "training.StopTraining",
    "EarlyStopping": "fit(..., dev=0.1, patience=10)",
    "ModelCheckpoint": "fit(..., dev=0.1, keep_best=True)",
    "callbacks": "fit(..., on_event=print)",
    "Callback": "fit(..., on_event=print)",
    "DataLoader": "fit(model, x, y, batch_size=32)",
    "manual_seed": "fit(..., seed=0)",
    "Module": "nn.Module",
    "Linear": "nn.Linear",
    "Sequential": "nn.Sequential",
    "no_grad": "nothing: only value_and_grad and fit compute gradients",
    "tensor": "jax.numpy.asarray",
    "relu": "ops.relu",
    "softmax": "ops.softmax",
}
"""Functions of ``clearprop``."""


class UnknownAttributeError(ConfigurationError, AttributeError):
    """A module has no such name."""


def unknown_attribute(
    module: str, name: str, known: Iterable[str], words: dict[str, str], prefix: str
) -> UnknownAttributeError:
    """Return the error for a name that something does not have, with ours as its fix.

    >>> print(unknown_attribute("clearprop.nn", "Dense", ["Linear"], LAYERS, "nn."))
    clearprop.nn has no 'Dense'
      fix:      nn.Linear
    """
    ours = fix_of(name, words, prefix)
    if ours is None and not name.startswith("_") and (close := alike(name, known)):
        ours = f"{prefix}{close}"
    return UnknownAttributeError(f"{module} has no {name!r}", fix=ours)


def alike(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is misspelt as this one; None where none is much like it.

    Capital letters do not count. A name that only shares a part with ours may mean another thing.

    >>> alike("linaer", ["Linear", "LayerNorm"]), alike("GroupNorm", ["LayerNorm", "transformer"])
    ('Linear', None)
    """
    names = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=CLOSE)
    return names[found[0]] if found else None


def fix_of(name: str, words: dict[str, str], prefix: str = "") -> str | None:
    """Return how a word of another library is written here; None where it is none of them.

    >>> fix_of("Dense", LAYERS, "nn.")
    'nn.Linear'
    """
    ours = words.get(name) or {k.lower(): v for k, v in words.items()}.get(name.lower())
    whole = ours is None or ours.startswith(("nothing", "leave it out", prefix))
    return ours if whole or not prefix else f"{prefix}{ours}"
