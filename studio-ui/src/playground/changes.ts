// What a change of the settings means: begin anew, or continue the run with other settings.

import type { Catalog } from "../engine/choices";
import type { DataSettings, Settings } from "../engine/messages";

/** What a run can change while it goes on: nothing that decides its shapes or its first weights. */
const WHILE_RUNNING = [
  "loss",
  "optimizer",
  "learning_rate",
  "schedule",
  "batch_size",
  "l1",
  "l2",
  "epochs",
] as const satisfies readonly (keyof Settings)[];

/** The settings that differ. */
export function changed(before: Settings, after: Settings): (keyof Settings)[] {
  const keys = Object.keys(after) as (keyof Settings)[];
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** Whether a run with the settings `before` can continue with `after`. */
export function continues(before: Settings, after: Settings, catalog: Catalog | null): boolean {
  const names = changed(before, after);
  const can = names.every((name) => (WHILE_RUNNING as readonly string[]).includes(name));
  return can && (!names.includes("loss") || outputOf(before, catalog) === outputOf(after, catalog));
}

/** What a fork is called beside the run that it left. */
export function difference(before: Settings, after: Settings): string {
  const parts = changed(before, after).map((key) => {
    const value = after[key];
    const text = typeof value === "object" && value !== null && "name" in value ? value.name : value;
    return `${key.replaceAll("_", " ")} ${String(text)}`;
  });
  return parts.join(", ") || "the same settings";
}

export type Task = "two classes" | "several classes" | "regression";

/** What is learned from examples; null where only the engine knows it, as of a table. */
export function taskOf(data: DataSettings, catalog: Catalog | null): Task | null {
  if (data.kind === "table") return null;
  if (data.kind === "drawn") {
    const most = Math.max(1, ...data.points.map((point) => point.target));
    return most > 1 ? "several classes" : "two classes";
  }
  const choice = catalog?.data.find((one) => one.name === data.kind);
  if (!choice) return null;
  if (choice.uses.includes("classes")) return data.classes > 2 ? "several classes" : "two classes";
  return choice.tasks[0] ?? null;
}

const USUAL: Readonly<Record<Task, string>> = {
  "two classes": "squared_error",
  "several classes": "cross_entropy",
  regression: "squared_error",
};

/** The same settings with a loss that fits the task. */
export function withFittingLoss(settings: Settings, task: Task | null, catalog: Catalog | null): Settings {
  if (!task || !catalog) return settings;
  const fits = (name: string) =>
    catalog.losses.some((loss) => loss.name === name && Object.hasOwn(loss.outputs, task));
  if (fits(settings.loss)) return settings;
  const usual = fits(USUAL[task]) ? USUAL[task] : catalog.losses.find((loss) => fits(loss.name))?.name;
  return usual ? { ...settings, loss: usual } : settings;
}

function outputOf(settings: Settings, catalog: Catalog | null): string {
  const task = taskOf(settings.data, catalog);
  const loss = catalog?.losses.find((one) => one.name === settings.loss);
  const activation = task && loss?.outputs[task];
  if (!activation) return settings.loss;
  // A loss of several classes has an output for each, also where there are two.
  const units = Object.hasOwn(loss.outputs, "several classes") ? "one for each class" : "one";
  return `${activation}, ${units}`;
}
