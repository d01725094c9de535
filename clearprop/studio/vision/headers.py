"""The header of the frames in which a network that trains is shown.

`tools/studio_types.py` makes the types of the page (`studio-ui/src/vision/headers.ts`) from this
file. The arrays are listed in `clearprop.studio.vision`.
"""

from __future__ import annotations

from msgspec import Struct

from clearprop.studio.models.headers import MapsLayer, PassShown


class VisionShown(Struct, frozen=True):
    """The header of a frame "vision".

    Attributes:
        run: number of the run in its session.
        step: training steps so far.
        epoch: epochs that are complete.
        seconds: training time so far.
        objective: mean training loss of the last epoch; null before the first.
        training_error: of the last epoch.
        test_error: the same of the test part.
        first: whether it is the first frame of the run.
        source: id under which this very model is offered; null where it already trains on.
        made: the pass: its input, its target and its prediction.
        layers: the input, then the layers, as in the frame "maps".
    """

    run: int
    step: int
    epoch: int
    seconds: float
    objective: float | None
    training_error: float | None
    test_error: float | None
    first: bool
    source: str | None
    made: PassShown
    layers: tuple[MapsLayer, ...]
