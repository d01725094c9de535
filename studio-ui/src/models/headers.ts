// The headers of the frames that the views of any model get.
// Written by `python -m tools.studio_types` from clearprop/studio/models/headers.py: change that file and run the
// command again; a test compares the two.

/** A class with its probability. */
export interface Chance {
  readonly name: string;
  readonly probability: number;
}

/** The header of a frame "pass". */
export interface PassShown {
  /** for all requests about this pass. */
  readonly pass_id: string;
  /** of the network. */
  readonly source: string;
  /** its number; null for an input of the user's own. */
  readonly example: number | null;
  /** the example, in words. */
  readonly title: string;
  /** E; null where it is not finite. */
  readonly objective: number | null;
  /** what the output is compared with, in words. */
  readonly target: string;
  /** what is predicted, in words; null where the output is no prediction. */
  readonly prediction: string | null;
  /** whether the prediction is the target; null where that is not known. */
  readonly right: boolean | null;
  /** the most probable classes, the most probable first; empty for others. */
  readonly chances: readonly Chance[];
  /** the input as a data address; null where it is no picture. */
  readonly picture: string | null;
  /** whether the graph of this pass has other shapes or nodes than that of the examples, such as for a text of another length; "graph" with ``pass_id`` returns it. */
  readonly own_graph: boolean;
  /** what the reader has to know, such as unknown words of a text. */
  readonly remarks: readonly string[];
}

/** The header of a frame "array": an array as tiles of 8-bit codes. */
export interface ArrayShown {
  /** of which pass. */
  readonly pass_id: string;
  /** of which node. */
  readonly node: number;
  /** "value", "error" = dE/dvalue, "passed" = what the node passes to an input, or "local" = the local derivative by an input. */
  readonly what: "error" | "local" | "passed" | "value";
  /** of the array. */
  readonly shape: readonly number[];
  /** along which there are tiles. */
  readonly tile_axes: readonly number[];
  /** along which there are rows. */
  readonly row_axes: readonly number[];
  /** along which there are columns. */
  readonly column_axes: readonly number[];
  /** of a vector: its entries go on in the next row after so many; 0 for others. */
  readonly wrap: number;
  /** number of the first tile. */
  readonly first: number;
  /** how many tiles there are in all. */
  readonly tiles: number;
  /** rows and columns of a pixel. */
  readonly factor: number;
  /** the size of the darkest color; 0 where every entry is 0. */
  readonly limit: number;
}

/** The header of a frame "numbers": exact floats of a node. */
export interface NumbersShown {
  /** of which pass. */
  readonly pass_id: string;
  /** of which node. */
  readonly node: number;
  /** as in `ArrayShown`. */
  readonly what: "error" | "local" | "passed" | "value";
  /** as it was asked for, such as "0,3,:,2". */
  readonly index: string;
  /** of the whole array. */
  readonly shape: readonly number[];
}

/** A layer that another one reads, with no further layer between them. */
export interface LayerRead {
  /** its number in the frame. */
  readonly layer: number;
  /** whether an entry reads its own channel alone; null where the places that it reads are no rectangle, as those of a linear layer. */
  readonly same_channel: boolean | null;
}

/** A layer in a frame "maps". */
export interface MapsLayer {
  /** number of its output. */
  readonly node: number;
  /** number of its group in the graph; -1 for the input. */
  readonly group: number;
  /** its path, or "input". */
  readonly title: string;
  /** class of the layer, or the activation that it applies. */
  readonly kind: string;
  /** of its output, the batch first. */
  readonly shape: readonly number[];
  /** how many of its maps the frame has, the first ones. */
  readonly maps: number;
  /** rows and columns of a pixel. */
  readonly factor: number;
  /** number of the parameter that is the kernel of a convolution; null for others. */
  readonly kernel: number | null;
  /** the layers whose outputs it takes. */
  readonly reads: readonly LayerRead[];
}

/** The header of a frame "maps": values and error signals of every layer as pictures. */
export interface MapsShown {
  readonly pass_id: string;
  readonly layers: readonly MapsLayer[];
}

/** An input of an operation at one entry. */
export interface CellOperand {
  /** its number; null for a constant. */
  readonly node: number | null;
  /** of it. */
  readonly name: string;
  /** of the entry that is read. */
  readonly index: readonly number[];
  /** of the entry; null where it is not finite. */
  readonly value: number | null;
  /** derivative of the result by it; null where none is known. */
  readonly local: number | null;
  /** what the result passes back to it: its error signal times the local derivative. */
  readonly passed: number | null;
}

/** The header of a frame "cell": how one entry of a node came about. */
export interface CellShown {
  /** of which pass. */
  readonly pass_id: string;
  /** the node whose entry is explained. An entry of a linear layer's sum with its bias is explained at the product before it. */
  readonly node: number;
  /** which arrays the frame has. */
  readonly cell_kind: "average_pool" | "convolution" | "entrywise" | "max_pool" | "other" | "weighted_sum";
  /** of the entry. */
  readonly index: readonly number[];
  /** of the entry; null where it is not finite. */
  readonly value: number | null;
  /** dE/d(entry); null where none arrives or it is not finite. */
  readonly error: number | null;
  /** the sum of the products, the largest of the patch or its mean, in double precision; it agrees with ``value`` to rounding. Null for other kinds. */
  readonly total: number | null;
  /** that is added to the sum; null without one. */
  readonly bias: number | null;
  /** number of the node that is read. */
  readonly source: number | null;
  /** number of the parameter; null without one. */
  readonly weights: number | null;
  /** of a largest one, the row and the column in the patch. */
  readonly winner: readonly number[] | null;
  /** of an entrywise operation. */
  readonly operands: readonly CellOperand[];
  /** of other operations: the chain rule with its numbers. */
  readonly text: string;
}

/** What an operation that reads an entry adds to its error signal. */
export interface BackPart {
  /** the result of the operation. */
  readonly node: number;
  /** which arrays the frame has. */
  readonly kind: "average_pool" | "convolution" | "copies" | "entrywise" | "max_pool" | "weighted_sum" | "whole";
  /** what it adds, the sum of the products; null where it is not finite. */
  readonly total: number | null;
  /** number of the parameter; null without one. */
  readonly weights: number | null;
  /** of an entrywise operation: the entry that is made of it. */
  readonly index: readonly number[];
  /** of an entrywise operation: the error signal of that entry. */
  readonly error: number | null;
  /** of an entrywise operation: the derivative of that entry by it. */
  readonly local: number | null;
}

/** The header of a frame "back": how the error signal of one entry of a node came about. */
export interface BackShown {
  /** of which pass. */
  readonly pass_id: string;
  /** of which node. */
  readonly node: number;
  /** of the entry. */
  readonly index: readonly number[];
  /** of the entry; null where it is not finite. */
  readonly value: number | null;
  /** dE/d(entry), the sum of the parts to rounding; null where it is not finite or none arrives. */
  readonly error: number | null;
  /** one for each operation that reads the entry and passes an error signal back. */
  readonly parts: readonly BackPart[];
  /** where a part is "whole": the chain rule with its numbers. */
  readonly text: string;
}

/** The header of a frame "field": the receptive field of a unit. */
export interface FieldShown {
  /** of which pass. */
  readonly pass_id: string;
  /** number of the layer's group in the graph. */
  readonly group: number;
  /** of the unit, without the batch. */
  readonly index: readonly number[];
  /** first and last row, first and last column of the input that can reach it. */
  readonly box: readonly (readonly [number, number])[];
  /** the part of the picture that they are. */
  readonly fraction: number;
}

/** An attention in a frame "sequence". */
export interface AttentionShown {
  /** of its layer. */
  readonly path: string;
  /** number of the node of its weights. */
  readonly node: number;
  /** G. */
  readonly heads: number;
  /** T. */
  readonly queries: number;
  /** S. */
  readonly keys: number;
  /** factor of the scores before softmax, usually 1 / sqrt(features of a key). */
  readonly scale: number;
  /** whether a place attends only to itself and to earlier places. */
  readonly causal: boolean;
}

/** A recurrent layer, or one of several inside it, in a frame "sequence". */
export interface RecurrentShown {
  /** of its layer. */
  readonly path: string;
  /** its number where the layer is called more than once. */
  readonly call: number;
  /** its number where several are stacked. */
  readonly depth: number;
  /** "LSTM", "GRU" or "RNN"; the name of the class where a step has other equations. */
  readonly kind: string;
  /** of its gates and states, which are arrays of the frame. */
  readonly names: readonly string[];
  /** H. */
  readonly units: number;
  /** by which one step back changes the norm of the error signal of the state, as a geometric mean from the chosen place back to the first; null where nothing arrives at the place, or it is the first. */
  readonly factor: number | null;
  /** the places whose step a mask hides: the state stays as it was there, and no gate has a number. */
  readonly uncounted: readonly number[];
  /** of a GRU whether it resets "before" or "after" the product, of an RNN its function "tanh" or "relu"; else "". */
  readonly form: string;
}

/** A value with one vector for each place, in a frame "sequence". */
export interface StreamShown {
  /** the layer's path. */
  readonly title: string;
  /** number of the node. */
  readonly node: number;
  /** of each vector. */
  readonly features: number;
}

/** The header of a frame "sequence". */
export interface SequenceShown {
  /** of which pass. */
  readonly pass_id: string;
  /** what the model reads, as text; of a long text the end. */
  readonly text: string;
  /** the same, token by token, with signs for white space. */
  readonly tokens: readonly string[];
  /** at which the prediction is looked at. */
  readonly place: number;
  /** number of the class with which the prediction there is compared; null for none. */
  readonly target: number | null;
  /** whether that target is the prediction itself. */
  readonly assumed: boolean;
  /** the tokens that are predicted, with signs for white space. */
  readonly classes: readonly string[];
  /** the same tokens as a text has them. */
  readonly pieces: readonly string[];
  /** every attention of the pass. */
  readonly attentions: readonly AttentionShown[];
  /** every recurrent layer. */
  readonly recurrent: readonly RecurrentShown[];
  /** the values with one vector for each place, in the order of computation. */
  readonly streams: readonly StreamShown[];
  /** such as what was left out because it is too large. */
  readonly remarks: readonly string[];
}

export const STATISTICS = ["mean", "deviation", "smallest", "largest", "size", "norm", "zeros", "nonfinite", "saturated"] as const;
