// The settings of the playground with which the page begins, and their bounds.
// Written by `python -m tools.studio_types` from clearprop/studio/playground/messages.py: change that file and run the
// command again; a test compares the two.

import type { DataSettings, Settings } from "./messages";

export const DEFAULTS: Settings = {
  "data": {
    "kind": "circle",
    "examples": 500,
    "noise": 0.0,
    "test": 0.5,
    "classes": 2,
    "seed": 0,
    "points": [],
    "table": null,
    "columns": [],
    "target": null
  },
  "features": [
    "x1",
    "x2"
  ],
  "layers": [
    {
      "units": 4,
      "activation": "tanh"
    },
    {
      "units": 2,
      "activation": "tanh"
    }
  ],
  "loss": "squared_error",
  "optimizer": {
    "name": "sgd",
    "options": {}
  },
  "learning_rate": 0.03,
  "schedule": {
    "name": "constant",
    "options": {}
  },
  "batch_size": 10,
  "l1": 0.0,
  "l2": 0.0,
  "dropout": 0.0,
  "weight_init": null,
  "epochs": 100000,
  "seed": 0
};
export const KINDS: readonly DataSettings["kind"][] = ["circle", "xor", "gauss", "spiral", "moons", "blobs", "plane", "gauss-plane", "table", "drawn"];
export const FEATURES: Settings["features"] = ["x1", "x2", "x1^2", "x2^2", "x1*x2", "sin(x1)", "sin(x2)"];
export const MOST_EXAMPLES = 5000;
export const MOST_LAYERS = 12;
export const MOST_UNITS = 64;
