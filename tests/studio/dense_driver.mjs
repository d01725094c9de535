// Computes with the engine of the classroom file what a test compares with Python.
// Usage: node dense_driver.mjs BUNDLE < cases.json > results.json

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const dense = await import(pathToFileURL(process.argv[2]).href);

function network({ features, shapes, loss, parameters }) {
  const made = new dense.Network(features.length ?? features, shapes, loss);
  made.parameters.set(parameters);
  return made;
}

const kinds = {
  names: () => ({
    activations: Object.keys(dense.ACTIVATIONS),
    losses: Object.entries(dense.LOSSES).map(([name, { error }]) => [name, error]),
    optimizers: Object.entries(dense.OPTIMIZERS).map(([name, { options }]) => [
      name,
      Object.fromEntries(Object.entries(options).map(([key, { initial }]) => [key, initial])),
    ]),
    schedules: Object.keys(dense.SCHEDULES),
    outputs: dense.OUTPUTS,
  }),

  activation: ({ name, x }) => {
    const { value, slope } = dense.ACTIVATIONS[name];
    const y = x.map(value);
    return { y, slope: x.map((one, i) => slope(one, y[i])) };
  },

  passes: (one) => {
    const made = network(one);
    const [inputs, targets] = [new Float64Array(one.inputs), new Float64Array(one.targets)];
    const traces = made.traces(one.batch);
    const inputError = new Float64Array(inputs.length);
    made.forward(inputs, one.batch, traces);
    const [objective, error] = made.measure(traces, targets, one.batch);
    made.backward(inputs, targets, one.batch, traces, inputError);
    return {
      objective: objective / one.batch,
      error: error / one.batch,
      gradients: [...made.gradients],
      inputError: [...inputError],
      values: traces.map(({ value }) => [...value]),
      errors: traces.map(({ error }) => [...error]),
      deltas: traces.map(({ delta }) => [...delta]),
    };
  },

  descent: (one) => {
    const made = network(one);
    const [inputs, targets] = [new Float64Array(one.inputs), new Float64Array(one.targets)];
    const traces = made.traces(one.batch);
    const descent = new dense.Descent(one.optimizer, one.options, made.parameters.length);
    const rate = dense.scheduled(one.schedule.name, one.rate, one.schedule.options);
    for (let t = 0; t < one.steps; t++) {
      made.forward(inputs, one.batch, traces);
      made.backward(inputs, targets, one.batch, traces);
      dense.penalize(made.parameters, made.gradients, made.isWeight, one.l1, one.l2);
      descent.update(made.parameters, made.gradients, rate(t), t);
    }
    return [...made.parameters];
  },

  points: ({ settings, features }) => {
    const { places, targets, ...others } = dense.pointSet(settings);
    const found = [...dense.features(places, features)];
    return { ...others, places: [...places], targets: [...targets], features: found };
  },

  formula: ({ formula, value }) => ({
    mathml: dense.sides({ name: "y", formula, value }, dense.MATHML),
    text: dense.sides({ name: "y", formula, value }, dense.TEXT),
  }),

  // The formulas of all units for one example, with the numbers from which they were written.
  explained: (one) => {
    const made = network(one);
    const { features, place, target, loss } = one;
    const input = dense.features(new Float64Array(place), features);
    const traces = made.traces(1);
    const targets = new Float64Array([target]);
    const inputError = new Float64Array(input.length);
    made.forward(input, 1, traces);
    const [objective] = made.measure(traces, targets, 1);
    made.backward(input, targets, 1, traces, inputError);
    const passed = { network: made, features, loss, traces, place, target, objective };
    return {
      objective,
      input: [...input],
      inputError: [...inputError],
      ofLoss: dense.lossFormula(loss, made),
      layers: made.layers.map((layer, k) => ({
        ...Object.fromEntries(
          ["preactivation", "value", "error", "delta"].map((name) => [name, [...traces[k][name]]]),
        ),
        weight: [...layer.weight],
        bias: [...layer.bias],
        weightGradient: [...layer.weightGradient],
        biasGradient: [...layer.biasGradient],
        slope: [...traces[k].preactivation].map((z, i) =>
          layer.activation.slope(z, traces[k].value[i]),
        ),
        units: Array.from({ length: layer.units }, (_, u) => dense.explained(passed, k, u)),
      })),
    };
  },
};

const cases = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map((one) => kinds[one.kind](one))));
