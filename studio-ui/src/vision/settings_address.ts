// The settings of the training in the page's address; what is not there is as the recipe has it.

import type { TrainSettings } from "./messages";
import { DEFAULTS } from "./training.svelte";

const KEYS: Readonly<Record<keyof TrainSettings, string>> = {
  data: "data",
  activation: "activation",
  pooling: "pooling",
  optimizer: "optimizer",
  learning_rate: "rate",
  schedule: "schedule",
  batch_size: "batch",
  epochs: "epochs",
  seed: "seed",
};
const WHOLE = ["batch_size", "epochs", "seed"];

export function readSettings(values: URLSearchParams): TrainSettings {
  const found: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, key] of Object.entries(KEYS)) {
    const text = values.get(key);
    if (text === null) continue;
    if (name === "learning_rate" || WHOLE.includes(name)) {
      const number = Number(text);
      const fits = WHOLE.includes(name) ? Number.isInteger(number) && number >= 0 : number > 0;
      if (text !== "" && fits) found[name] = number;
    } else found[name] = text;
  }
  const { data, pooling } = found;
  if (data !== "digits" && data !== "fashion-mnist" && data !== "mnist") found["data"] = DEFAULTS.data;
  if (pooling !== "max" && pooling !== "average") found["pooling"] = DEFAULTS.pooling;
  return found as unknown as TrainSettings;
}

/** The changes of the address for some settings: null where they are the usual ones. */
export function settingsText(settings: TrainSettings): Record<string, string | null> {
  const found: Record<string, string | null> = {};
  for (const [name, key] of Object.entries(KEYS) as [keyof TrainSettings, string][]) {
    found[key] = settings[name] === DEFAULTS[name] ? null : String(settings[name]);
  }
  return found;
}
