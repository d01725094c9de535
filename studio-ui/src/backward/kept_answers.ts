// What was written into an exercise, kept by this browser until it is cleared.

import type { Source } from "./supply";

const PREFIX = "clearprop.exercise.";

export type Answers = Readonly<Record<string, string>>;

function keyOf(source: Source): string {
  return PREFIX + JSON.stringify(source);
}

export function readAnswers(source: Source): Answers {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(keyOf(source)) ?? "{}");
    if (typeof found !== "object" || found === null) return {};
    return Object.fromEntries(
      Object.entries(found).filter(
        (entry): entry is [string, string] => /^\d+$/.test(entry[0]) && typeof entry[1] === "string",
      ),
    );
  } catch {
    return {};
  }
}

/** Keep answers; returns whether the browser keeps them. */
export function keepAnswers(source: Source, answers: Answers): boolean {
  const filled = Object.fromEntries(Object.entries(answers).filter(([, text]) => text.trim()));
  try {
    if (Object.keys(filled).length) localStorage.setItem(keyOf(source), JSON.stringify(filled));
    else localStorage.removeItem(keyOf(source));
    return true;
  } catch {
    return false;
  }
}
