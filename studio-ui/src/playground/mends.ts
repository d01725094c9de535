// A mend of a finding that is a plain setting: the page can apply it by itself.

import type { Settings } from "../engine/messages";

export interface Mend {
  readonly title: string;
  readonly changes: Partial<Settings>;
}

/** Settings that a line of code such as `fit(model, data, learning_rate=0.003)` changes. */
export function mendOf(code: string, now: Settings): Mend | null {
  const changes: { -readonly [key in keyof Settings]?: Settings[key] } = {};
  const number = (name: string) => {
    const found = new RegExp(`\\b${name}=([\\d_.]+(?:e[-+]?\\d+)?)\\b`).exec(code);
    return found?.[1] === undefined ? null : Number(found[1].replaceAll("_", ""));
  };
  const rate = number("learning_rate");
  if (rate !== null && rate > 0 && rate !== now.learning_rate) changes.learning_rate = rate;
  const batch = number("batch_size");
  if (batch !== null && Number.isInteger(batch) && batch > 0 && batch !== now.batch_size) {
    changes.batch_size = batch;
  }
  const epochs = number("epochs");
  if (epochs !== null && Number.isInteger(epochs) && epochs > now.epochs) changes.epochs = epochs;
  const names = Object.keys(changes) as (keyof Settings)[];
  if (names.length === 0) return null;
  const title = names.map((name) => `${name.replaceAll("_", " ")} ${String(changes[name])}`).join(", ");
  return { title, changes };
}
