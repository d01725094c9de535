"""`fit`: train a model on data.

Shape letters: N examples.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax

from clearprop import backend, nn, optim, tree
from clearprop.errors import CheckpointError, NonFiniteError
from clearprop.training.account import Account
from clearprop.training.arrays import load_arrays, save_arrays
from clearprop.training.augmentation import Augment
from clearprop.training.augmentation import find as find_augmentations
from clearprop.training.calls import Calls
from clearprop.training.checkpoint import Saved, restore
from clearprop.training.events import Checkpointed, Event, StepsDone
from clearprop.training.folder import (
    CONFIG,
    CURVES,
    MODEL,
    RunFolder,
    read_config,
    read_events,
    read_losses,
)
from clearprop.training.interruption import Interruption
from clearprop.training.loop import Loop
from clearprop.training.material import Data, Development, gather
from clearprop.training.model_file import save
from clearprop.training.plan import Plan
from clearprop.training.precision import checked as checked_precision
from clearprop.training.progress import Reporter
from clearprop.training.run import Curves, Run
from clearprop.training.settings import Settings
from clearprop.training.task import Task

FROZEN = "frozen.safetensors"
TRAINING = 1
"""Parts the random numbers of training from those of the first values."""


class DivergedError(NonFiniteError):
    """A run met a loss or a gradient that is not finite.

    Attributes:
        run: what came of it; its model has the last weights that were finite.
    """

    run: Run


def fit(
    model: nn.Module,
    data: Data,
    loss: str | nn.Loss | Callable[[Any, Any], Any] = "cross_entropy",
    optimizer: str | optim.Optimizer | Mapping[str, Any] = "adam",
    epochs: int = 10,
    *,
    batch_size: int = 32,
    learning_rate: Any = None,
    seed: int = 0,
    dev: Development = None,
    freeze: Iterable[str] = (),
    patience: int | None = None,
    keep_best: bool | None = None,
    average: float | None = None,
    augment: Augment | None = None,
    label_smoothing: float | None = None,
    precision: str | None = None,
    folder: Path | str | None = None,
    resume: bool = False,
    checkpoint_every: int | None = None,
    steps_per_call: int | None = None,
    devices: int | None = None,
    progress: bool = True,
    on_event: Callable[[Event], None] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Run:
    """Train a model and return the run: the trained model and its three curves.

    Each step takes the mean loss of a batch, its gradient by back-propagation, and the optimizer's
    move; many steps are one compiled call. An order is drawn for every pass from ``seed`` and the
    number of the pass; the last batch of a pass may be smaller.

    Args:
        model: parameters that have no values yet are made from ``seed``.
        data: ``Splits``; a ``Dataset``, of which a tenth is held out to judge; or
            ``(inputs, targets)`` as arrays.
        loss: a name such as "cross_entropy", a `nn.Loss`, or (outputs, targets) -> values.
        optimizer: a name such as "adam", or one made by `clearprop.optim` (its `chain` adds
            clipping, weight decay and a rate that falls on a plateau).
        epochs: passes over the training examples.
        batch_size: examples of a step.
        learning_rate: a number or a schedule, for an optimizer given by name.
        seed: of first values, orders and dropout.
        dev: what judges: a ``Dataset``, ``(inputs, targets)``, or a fraction to hold out; 0 none.
        freeze: patterns such as "trunk" or "layers.0.*" of parameters that are not trained.
            Running statistics go on in frozen layers too.
        patience: stop when the development error has not fallen for so many passes.
        keep_best: return the weights of the best pass instead of the last; by default where
            ``patience`` is given.
        average: judge, and return, an exponential moving average of the weights with this decay.
        augment: how examples are changed anew at every step: one of `training.augmentation` or
            several, such as ``[Shift(2), Flip()]``, by name or by configuration too.
        label_smoothing: the part of every target that all classes share; see `nn.smoothed`.
        precision: "bfloat16" computes in it, with weights, losses and the statistics of
            normalization in float32; by default all is computed in the weights' type.
        folder: where to write the run; it must not hold one already.
        resume: go on with the run in ``folder`` if there is one, from its last checkpoint; the end
            is the same, bit for bit, as without the interruption.
        checkpoint_every: steps between checkpoints; by default they come every ten seconds or so.
        steps_per_call: steps of a compiled call; chosen by the work of a step unless given.
        devices: how many devices share a batch; chosen by the work of a step unless given.
        progress: show a bar on a terminal, else plain lines.
        on_event: is given every event of the run.
        notes: plain values to keep in the configuration, such as the name of a recipe.

    Raises:
        ConfigurationError: a value out of its range, an unknown name, a pattern without a match.
        DataError: labels out of range, inputs and targets that do not fit together.
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
    >>> print(run.stopped.reason, run.curves.training_error[-1])
    finished 0.0
    """
    chosen = nn.find_loss(loss)
    if label_smoothing is not None:
        chosen = nn.smoothed(chosen, label_smoothing)
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        freeze=tuple(freeze),
        patience=patience,
        keep_best=patience is not None if keep_best is None else keep_best,
        steps_per_call=steps_per_call,
        devices=devices,
        checkpoint_every=checkpoint_every,
        label_smoothing=chosen.smoothing or None,
        precision=checked_precision(precision),
    )
    rule = optim.create(optimizer, learning_rate)
    if average is not None:
        rule = optim.chain(rule, optim.average_parameters(average))
    material = gather(data, dev, chosen, seed)
    settings.check(len(material.train), len(material.dev) if material.dev is not None else 0)
    ready = model if nn.is_initialized(model) else model.init(seed)
    changes = find_augmentations(augment)
    task = Task(ready, material, chosen, rule, settings, dict(notes or {}), changes)
    task.check()
    target = Path(folder) if folder is not None else None
    again = resume and target is not None and (target / CONFIG).is_file()
    with contextlib.ExitStack() as stack:
        interruption = stack.enter_context(Interruption())
        loop, run_folder, config = _opened(task, target, again, interruption)
        if run_folder is not None:
            stack.callback(run_folder.close)
        readers: list[Callable[[Event], None]] = []
        if run_folder is not None:
            readers.append(_writer(run_folder))
        if progress:
            readers.append(stack.enter_context(Reporter()))
        if on_event is not None:
            readers.append(on_event)
        account = Account(keep=run_folder is None)
        for event in loop:
            account.add(event)
            for reader in readers:
                reader(event)
        return _finished(task, loop, run_folder, config, account)


def _opened(
    task: Task, target: Path | None, again: bool, interruption: Interruption
) -> tuple[Loop, RunFolder | None, dict[str, Any]]:
    """Return the loop at the place where it begins, with its folder and configuration."""
    folder: RunFolder | None = None
    if target is not None and again:
        config = read_config(target)
        task.check_same(config, str(target))
        plan = task.plan(config)
        folder = RunFolder.reopen(target)
    else:
        plan = task.plan(None)
        config = task.config(plan)
        if target is not None:
            folder = RunFolder.create(target, config)
    try:
        return _loop(task, plan, folder, again, interruption), folder, config
    except BaseException:
        if folder is not None:
            folder.close()
        raise


def _loop(
    task: Task, plan: Plan, folder: RunFolder | None, again: bool, interruption: Interruption
) -> Loop:
    settings, frozen = task.settings, task.frozen
    saved = _saved(folder) if folder is not None and again else None
    if folder is not None and frozen:
        path = folder.path / FROZEN
        if again and path.is_file():
            frozen = load_arrays(path)[0]
        else:
            save_arrays(path, frozen, {})
    key = jax.random.fold_in(backend.key(settings.seed), TRAINING)
    calls = Calls(task.problem, plan, backend.mesh(plan.devices), frozen, key)
    loop = Loop(
        calls,
        task.material,
        task.state(),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
        folder=folder,
        checkpoint_every=settings.checkpoint_every,
        interrupted=lambda: interruption.asked,
    )
    if folder is not None and saved is not None:
        state = restore(loop.state, saved.arrays, str(folder.checkpoints.folder / saved.file))
        loop.restore(state, saved.record)
    if folder is not None and again:
        folder.rewind_losses(loop.place.step)
    return loop


def _saved(folder: RunFolder) -> Saved | None:
    """Return the checkpoint to go on from; None where the run was cut off before its first."""
    saved = folder.checkpoints.latest()
    if saved is None and any(isinstance(e, Checkpointed) for e in read_events(folder.path)):
        raise CheckpointError(
            "the checkpoints of this run are gone, so it cannot go on",
            where=str(folder.checkpoints.folder),
            mend="put the last one back, or begin a new run in another folder",
        )
    return saved


def _writer(folder: RunFolder) -> Callable[[Event], None]:
    def write(event: Event) -> None:
        if isinstance(event, StepsDone):
            folder.log_losses(event.losses)
        folder.log(event)

    return write


def _finished(
    task: Task,
    loop: Loop,
    folder: RunFolder | None,
    config: dict[str, Any],
    account: Account,
) -> Run:
    state, problem = loop.state, task.problem
    kept = state.judge.kept
    best = kept is not None and int(state.judge.epoch) > 0
    arrays = kept if kept is not None and best else problem.evaluation(state)
    here = loop.calls.mesh.devices.ravel()[0]
    model = tree.replace(task.model, {**loop.calls.frozen, **arrays})
    model = jax.device_put(model, here)
    preparation = task.material.preparation
    assert account.stopped is not None
    run = Run(
        model=model,
        curves=Curves.of(account.points if folder is None else read_events(folder.path)),
        losses=account.losses if folder is None else read_losses(folder.path),
        stopped=account.stopped,
        non_finite=loop.non_finite,
        config=config,
        preparation=preparation,
        folder=folder.path if folder is not None else None,
    )
    if folder is not None:
        save(model, folder.path / MODEL, preparation)
        folder.write(CURVES, run.curves.as_csv())
    if loop.non_finite is not None:
        raise _diverged(run)
    return run


def _diverged(run: Run) -> DivergedError:
    broken = run.non_finite
    assert broken is not None
    where = f"{run.folder / MODEL} holds" if run.folder is not None else "error.run.model has"
    error = DivergedError(
        f"training stopped at step {broken.step}, in epoch {broken.epoch}: a value is not finite",
        where=broken.place,
        given=broken.cause,
        mend="lower learning_rate, clip the gradients (optim.chain with clip_by_global_norm), or "
        f"guard the operation; {where} the last finite weights",
    )
    error.run = run
    return error
