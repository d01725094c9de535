// The header of the frames in which a network that trains is shown.
// Written by `python -m tools.studio_types` from clearprop/studio/vision/headers.py: change that file and run the
// command again; a test compares the two.

import type { MapsLayer, PassShown } from "../models/headers";

/** The header of a frame "vision". */
export interface VisionShown {
  /** number of the run in its session. */
  readonly run: number;
  /** training steps so far. */
  readonly step: number;
  /** epochs that are complete. */
  readonly epoch: number;
  /** training time so far. */
  readonly seconds: number;
  /** mean training loss of the last epoch; null before the first. */
  readonly objective: number | null;
  /** of the last epoch. */
  readonly training_error: number | null;
  /** the same of the test part. */
  readonly test_error: number | null;
  /** whether it is the first frame of the run. */
  readonly first: boolean;
  /** id under which this very model is offered; null where it already trains on. */
  readonly source: string | null;
  /** the pass: its input, its target and its prediction. */
  readonly made: PassShown;
  /** the input, then the layers, as in the frame "maps". */
  readonly layers: readonly MapsLayer[];
}
