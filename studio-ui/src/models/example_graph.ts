// A small residual network as a graph, for tests.

import type { GraphGroup, GraphNode, NetworkGraph } from "./messages";

const node = (name: string, group: number, operation: string, inputs: number[] = []): GraphNode => ({
  name,
  group,
  operation,
  shape: [1, 8, 8, 4],
  dtype: "float32",
  inputs,
  operations: 10,
  carries_error: true,
  steps: 0,
});

const group = (parent: number, path: string, title: string, kind: string, output: number, nodes: number): GraphGroup => ({
  parent,
  path,
  title,
  kind,
  output,
  parameters: 0,
  operations: 0,
  nodes,
});

/** weight, input, conv, [block: conv, relu, add], output, loss. */
export function residual(): NetworkGraph {
  const nodes = [
    node("conv.weight", 1, "parameter"),
    node("block.conv.weight", 3, "parameter"),
    node("input", 0, "input"),
    node("conv/convolution", 1, "convolution", [2, 0]),
    node("block.conv/convolution", 3, "convolution", [3, 1]),
    node("block.activation/relu", 4, "relu", [4]),
    node("block/add", 2, "add", [3, 5]),
    node("output/matmul", 5, "matmul", [6]),
    node("output/add", 5, "add", [7]),
    node("loss/mean", 6, "mean", [8]),
  ];
  const groups = [
    group(-1, "", "the whole pass", "Net", 9, 8),
    group(0, "conv", "conv", "Conv2d", 3, 1),
    group(0, "block", "block", "Block", 6, 3),
    group(2, "block.conv", "conv", "Conv2d", 4, 1),
    group(2, "block.activation", "activation", "relu", 5, 1),
    group(0, "output", "output", "Linear", 8, 2),
    group(0, "loss", "loss", "loss", 9, 1),
  ];
  return {
    source: { id: "object:0", kind: "object", title: "net", about: "", pictures: false, texts: false },
    model: "Net",
    nodes,
    groups,
    about: {},
    takes: ["example"],
    input_shape: [8, 8, 4],
    picture_shape: null,
    longest_text: null,
    continues: false,
    level: null,
    examples: 1,
    part: "given",
    noun: "example",
    classes: [],
    objective: "loss",
    remarks: [],
  };
}
