// Settings as short values of the page's address, and back. Only what differs from the default is
// written; what cannot be read, or lies outside its bounds, is left at the default.

import { DEFAULTS, FEATURES, KINDS, MOST_EXAMPLES, MOST_LAYERS, MOST_UNITS } from "../engine/defaults";
import type { LayerSettings, Settings } from "../engine/messages";
import { readPoints, writePoints } from "./points_text";

/** Every key that `written` can give. */
export const KEYS = [
  ...["data", "n", "noise", "test", "classes", "dseed", "points", "table", "columns", "target"],
  ...["features", "layers", "loss", "opt", "rate", "sched", "batch", "l1", "l2", "drop", "init"],
  ...["epochs", "seed"],
] as const;

type Text = Partial<Record<(typeof KEYS)[number], string>>;

/** The values of the address; a key that is missing has its default. */
export function written(settings: Settings): Text {
  const [data, plain] = [settings.data, DEFAULTS.data];
  const text: Text = {};
  const put = (key: (typeof KEYS)[number], value: unknown, usual: unknown) => {
    if (String(value) !== String(usual)) text[key] = String(value);
  };
  put("data", data.kind, plain.kind);
  put("n", data.examples, plain.examples);
  put("noise", data.noise, plain.noise);
  put("test", data.test, plain.test);
  put("classes", data.classes, plain.classes);
  put("dseed", data.seed, plain.seed);
  put("points", writePoints(data.points), "");
  put("table", data.table ?? "", "");
  put("columns", data.columns.map(encodeURIComponent).join(","), "");
  put("target", data.target ?? "", "");
  put("features", settings.features.join(","), DEFAULTS.features.join(","));
  put("layers", layersText(settings.layers), layersText(DEFAULTS.layers));
  put("loss", settings.loss, DEFAULTS.loss);
  put("opt", namedText(settings.optimizer), namedText(DEFAULTS.optimizer));
  put("rate", settings.learning_rate, DEFAULTS.learning_rate);
  put("sched", namedText(settings.schedule), namedText(DEFAULTS.schedule));
  put("batch", settings.batch_size, DEFAULTS.batch_size);
  put("l1", settings.l1, DEFAULTS.l1);
  put("l2", settings.l2, DEFAULTS.l2);
  put("drop", settings.dropout, DEFAULTS.dropout);
  put("init", settings.weight_init ?? "", "");
  put("epochs", settings.epochs, DEFAULTS.epochs);
  put("seed", settings.seed, DEFAULTS.seed);
  return text;
}

/** The settings of an address. */
export function readSettings(values: URLSearchParams): Settings {
  const plain = DEFAULTS.data;
  const text = (key: (typeof KEYS)[number]) => values.get(key) ?? "";
  const number = (key: (typeof KEYS)[number], usual: number, low: number, high: number) =>
    bounded(text(key), usual, low, high);
  const whole = (key: (typeof KEYS)[number], usual: number, low: number, high: number) => {
    const found = number(key, usual, low, high);
    return Number.isInteger(found) ? found : usual;
  };
  const features = FEATURES.filter((name) => text("features").split(",").includes(name));
  return {
    data: {
      kind: KINDS.find((kind) => kind === text("data")) ?? plain.kind,
      examples: whole("n", plain.examples, 4, MOST_EXAMPLES),
      noise: number("noise", plain.noise, 0, 0.5),
      test: number("test", plain.test, 0, 0.9),
      classes: whole("classes", plain.classes, 2, 6),
      seed: whole("dseed", plain.seed, 0, Number.MAX_SAFE_INTEGER),
      points: readPoints(text("points")).slice(0, MOST_EXAMPLES),
      table: text("table").slice(0, 64) || null,
      columns: text("columns").split(",", 2).filter(Boolean).map(decoded),
      target: text("target").slice(0, 256) || null,
    },
    features: features.length ? features : DEFAULTS.features,
    layers: values.has("layers") ? readLayers(text("layers")) : DEFAULTS.layers,
    loss: text("loss").slice(0, 64) || DEFAULTS.loss,
    optimizer: readNamed(text("opt")) ?? DEFAULTS.optimizer,
    learning_rate: number("rate", DEFAULTS.learning_rate, 1e-12, 1e6),
    schedule: readNamed(text("sched")) ?? DEFAULTS.schedule,
    batch_size: whole("batch", DEFAULTS.batch_size, 1, MOST_EXAMPLES),
    l1: number("l1", DEFAULTS.l1, 0, 10),
    l2: number("l2", DEFAULTS.l2, 0, 10),
    dropout: number("drop", DEFAULTS.dropout, 0, 0.99),
    weight_init: text("init").slice(0, 64) || null,
    epochs: whole("epochs", DEFAULTS.epochs, 1, 1_000_000),
    seed: whole("seed", DEFAULTS.seed, 0, Number.MAX_SAFE_INTEGER),
  };
}

function bounded(text: string, usual: number, low: number, high: number): number {
  const found = Number(text);
  return text.trim() !== "" && found >= low && found <= high ? found : usual;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text).slice(0, 256);
  } catch {
    return text.slice(0, 256);
  }
}

/** "4tanh,2relu"; no hidden layer is "none". */
function layersText(layers: readonly LayerSettings[]): string {
  return layers.map(({ units, activation }) => `${units}${activation}`).join(",") || "none";
}

function readLayers(text: string): LayerSettings[] {
  const found: LayerSettings[] = [];
  for (const part of text.split(",").slice(0, MOST_LAYERS)) {
    const [, units, activation] = /^(\d+)([a-z]\w*)?$/.exec(part.trim()) ?? [];
    const count = bounded(units ?? "", 0, 1, MOST_UNITS);
    if (count) found.push({ units: count, activation: activation ?? found.at(-1)?.activation ?? "tanh" });
  }
  return found;
}

interface Named {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
}

/** "adam:beta1=0.8:amsgrad=1" */
function namedText({ name, options }: Named): string {
  return [name, ...Object.entries(options).map(([key, value]) => `${key}=${value}`)].join(":");
}

function readNamed(text: string): Named | null {
  const [name, ...parts] = text.split(":");
  if (!name || !/^\w{1,64}$/.test(name)) return null;
  const options: Record<string, number> = {};
  for (const part of parts) {
    const [, key, value] = /^(\w{1,64})=(.+)$/.exec(part) ?? [];
    if (key && value && Math.abs(Number(value)) <= 1e30) options[key] = Number(value);
  }
  return { name, options };
}

