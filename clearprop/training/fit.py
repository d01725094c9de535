"""`fit`: train a model on data.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from clearprop import elsewhere, nn, optim
from clearprop.arguments import known_arguments
from clearprop.nn.fields import Shardings
from clearprop.nn.recording import LossLike
from clearprop.training.augmentation import Augment
from clearprop.training.batch_stream import data_of
from clearprop.training.events import Event
from clearprop.training.fit_config import FitConfig
from clearprop.training.learning import Learning, of_algorithm
from clearprop.training.metrics import Metrics
from clearprop.training.recording.recorder import Record
from clearprop.training.run import Run
from clearprop.training.train import train
from clearprop.training.training_data import Data, Development
from clearprop.training.weights import ClassWeight


@known_arguments("fit", elsewhere.FIT)
def fit(
    model: nn.Module,
    x: Data | object,
    y: object = None,
    *,
    loss: LossLike | None = None,
    algorithm: Learning | None = None,
    optimizer: str | optim.Optimizer | Mapping[str, object] = "adam",
    epochs: int = 10,
    batch_size: int | None = None,
    micro_batch_size: int | None = None,
    learning_rate: optim.Rate | Mapping[str, object] | None = None,
    seed: int = 0,
    dev: Development = None,
    freeze: str | Iterable[str] = (),
    patience: int | None = None,
    keep_best: bool | None = None,
    monitor: str | None = None,
    average: float | None = None,
    augment: Augment | None = None,
    label_smoothing: float | None = None,
    class_weight: ClassWeight | None = None,
    sample_weight: object = None,
    ignore_index: int | None = None,
    pos_weight: object = None,
    metrics: Metrics | None = None,
    precision: str | None = None,
    record: Record | str | Iterable[str] | None = None,
    snapshots: Iterable[int] | int | str | None = None,
    folder: Path | str | None = None,
    resume: bool = False,
    checkpoint_every: int | None = None,
    steps_per_call: int | None = None,
    devices: int | None = None,
    mesh: Mapping[str, int] | None = None,
    sharding: Shardings | None = None,
    fully_sharded: bool | None = None,
    progress: bool = True,
    on_event: Callable[[Event], None] | None = None,
    notes: Mapping[str, object] | None = None,
) -> Run:
    """Train a model and return the run: the trained model and its three curves.

    Each step takes the mean loss of a batch, its gradient by back-propagation, and the optimizer's
    move; many steps are one compiled call. The order of the examples is drawn for every epoch
    from ``seed`` and the number of the epoch; the last batch of an epoch may be smaller.

    Args:
        model: parameters that have no values yet are made from ``seed``.
        x: ``Splits``; a ``Dataset``, of which a tenth is held out as the development set; or
            inputs as arrays, with targets in ``y`` or both as ``(inputs, targets)``. Arrays are
            taken as they are: nothing is scaled, and nothing held out unless ``dev`` says so.
            Tensors, frames, series and lists are such arrays; a frame keeps the names of its
            columns. Or an iterable of batches ``(inputs, targets)``, such as a ``DataLoader``: it
            is read once before and once in every epoch, and its batches are the steps.
        y: the targets of ``x``; None where ``x`` has them.
        loss: a name such as "cross_entropy", which is the default, a `nn.Loss`, or (outputs,
            targets) -> values.
        algorithm: how the model learns, one of `clearprop.algorithms` or of your own; None is
            supervised learning. Other algorithms need no targets, and have no ``loss``.
        optimizer: a name such as "adam", or one made by `clearprop.optim` (its `chain` adds
            clipping, weight decay and a rate that falls on a plateau).
        epochs: how often all training examples are used.
        batch_size: examples of a step; by default 32, or all where there are fewer. An iterable of
            batches has its own.
        micro_batch_size: examples whose gradient is computed at once, where the memory does not
            hold that of the whole batch. Each step adds the gradients of its micro-batches, and
            every example counts the same: the step is that of the whole batch up to rounding, but
            batch normalization and dropout see each micro-batch by itself.
        learning_rate: a number or a schedule, for an optimizer given by name.
        seed: of initial values, orders and dropout.
        dev: the development set: a ``Dataset``, ``(inputs, targets)``, an iterable of batches, or
            a fraction to hold out; 0 for none.
        freeze: one or several patterns of parameters that are not trained, such as "layers.0.*".
            Running statistics go on in frozen layers too.
        patience: stop when the development error has not fallen for so many epochs.
        keep_best: return the weights of the best epoch instead of the last; by default where
            ``patience`` is given.
        monitor: what ``patience`` and ``keep_best`` watch in place of the development error:
            "development_objective", or one of ``metrics``, such as "f1". Whether more or less is
            better follows from the metric; of a function from the end of its name (``_score``:
            more; ``_error``, ``_loss``: less).
        average: evaluate and return an exponential moving average of the weights with this decay.
        augment: how examples are changed anew at every step: one of `training.augmentation` or
            several, such as ``[Shift(2), Flip()]``, by name or by configuration too.
        label_smoothing: the fraction of every target that is spread over all classes; see
            `nn.smoothed`.
        class_weight: how much each class counts in the objective, ``sum_i w_i L_i / sum_i w_i``: a
            dict by number or name, one number for each class, or "balanced", as scikit-learn
            defines it. Errors and metrics count every example once.
        sample_weight: how much each example of ``x`` counts, (N,); likewise.
        ignore_index: a label that is not counted, such as that of padding.
        pos_weight: how many times a target 1 counts in "binary_cross_entropy".
        metrics: numbers about the whole development set after every epoch: names such as
            "roc_auc", "f1_macro" or "r2" (`training.metrics` has all), or functions (outputs,
            targets) -> number. They stand in ``history.metrics``.
        precision: "bfloat16" computes in it, with weights, losses and the statistics of
            normalization in float32; by default all is computed in the weights' type.
        record: patterns of layers and parameters, such as ``["blocks.*.attention"]``, of which
            outputs, error signals, weights and updates are recorded on the way: every 50th step,
            as statistics. A `Record` says it otherwise. No bit of the training changes.
        snapshots: the steps of which the whole state is kept, for `Run.at` and `Run.fork`: a list;
            a number, for every so many; or "log" for 0, 1, 2, 5, 10, 20, 50, ...
        folder: where to write the run; it must not hold one already.
        resume: go on with the run in ``folder`` if there is one, from its last checkpoint; the end
            is the same, bit for bit, as without the interruption.
        checkpoint_every: steps between checkpoints; by default they come every ten seconds or so.
        steps_per_call: steps of a compiled call; chosen by the work of a step unless given.
        devices: over how many devices a batch is sharded; chosen by the work of a step unless
            given.
        mesh: the devices by axes, such as ``{"data": -1, "model": 2}``: over "data" the examples of
            a batch are divided, over "model" the parameters of layers as they say it; -1 takes the
            devices that are left. The losses are those of one device up to rounding.
        sharding: what divides the axes of parameters instead: pattern -> one entry for each axis of
            the array, the name of an axis of the mesh or None, such as
            ``{"output.weight": (None, "model")}``; (..., "model") divides the last.
        fully_sharded: whether parameters, gradients and the state of the optimizer are divided over
            "data" too, so that each device keeps a part of them.
        progress: show a bar on a terminal, else plain lines.
        on_event: a function that is given every event of the run, such as `EpochDone`; it may raise
            `StopTraining` to end the run after the compiled call under way.
        notes: plain values to keep in the configuration, such as the name of a recipe.

    Raises:
        ConfigurationError: a value out of its range, an unknown name, a pattern without a match;
            a loss in the place of the targets, or targets beside data that brings its own.
        DataError: labels out of range, inputs and targets that do not fit together.
        ModelError: the last operation does not suit the loss or cannot reach the targets; what may
            be meant is only a warning (docs/checks.md has the table).
        ShapeError: the examples do not fit the model; the layer is named.
        RunError: the folder holds a run, is locked or cannot be written.
        CheckpointError: the folder's run was made with another architecture, or its checkpoints
            are gone or damaged.
        DivergedError: a loss or gradient was not finite; where it began is said, and the run up to
            there is the error's ``run``.

    >>> import numpy as np
    >>> from clearprop import ops
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    >>> model = nn.Sequential([nn.Linear(2, 8), ops.tanh, nn.Linear(8, 2)])
    >>> run = fit(model, (x, np.array([0, 1, 1, 0])), epochs=500, batch_size=4, progress=False)
    >>> print(run.stopped.reason, run.history.training_error[-1])
    finished 0.0
    """
    return train(
        FitConfig(
            model=model,
            data=data_of(x, y, loss) if algorithm is None else of_algorithm(x, y),
            loss=loss,
            algorithm=algorithm,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            micro_batch_size=micro_batch_size,
            learning_rate=learning_rate,
            seed=seed,
            dev=dev,
            freeze=freeze,
            patience=patience,
            keep_best=keep_best,
            monitor=monitor,
            average=average,
            augment=augment,
            label_smoothing=label_smoothing,
            class_weight=class_weight,
            sample_weight=sample_weight,
            ignore_index=ignore_index,
            pos_weight=pos_weight,
            metrics=metrics,
            precision=precision,
            record=record,
            snapshots=snapshots,
            folder=folder,
            resume=resume,
            checkpoint_every=checkpoint_every,
            steps_per_call=steps_per_call,
            devices=devices,
            mesh=mesh,
            sharding=sharding,
            fully_sharded=fully_sharded,
            progress=progress,
            on_event=on_event,
            notes=notes,
        )
    )
