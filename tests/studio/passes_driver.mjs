// Computes with the backward passes of the classroom file what a test compares with Python.
// Usage: node passes_driver.mjs BUNDLE < cases.json > results.json

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const passes = await import(pathToFileURL(process.argv[2]).href);

const kinds = {
  marks: ({ key, answers, digits }) => answers.map((one) => passes.marked(key, one, digits)),

  network: ({ sent, digits, number }) => {
    const { trace, key } = passes.traced(sent, digits, number);
    return { trace, key, exercise: passes.exercise(sent, digits) };
  },
};

const cases = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map((one) => kinds[one.kind](one))));
