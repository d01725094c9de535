// What the views of any model send and get.
// Written by `python -m tools.studio_types` from clearprop/studio/models/messages.py: change that file and run the
// command again; a test compares the two.

/** A network that can be looked at. */
export interface SourceEntry {
  /** for all other requests. */
  readonly id: string;
  /** a run of the run folder, a saved model, a recipe or a network with initial values, or an object that Python gave. */
  readonly kind: "file" | "network" | "object" | "recipe" | "run";
  /** for the list. */
  readonly title: string;
  /** one sentence. */
  readonly about: string;
}

/** Everything that can be looked at. */
export interface SourceList {
  /** in the order of the list. */
  readonly sources: readonly SourceEntry[];
  /** of the runs, for a message where there are none. */
  readonly folder: string;
}

/** A value of a pass. */
export interface GraphNode {
  /** unique in its graph, such as "conv1/convolution"; of a parameter its path. */
  readonly name: string;
  /** number of the innermost group that it belongs to. */
  readonly group: number;
  /** its name, or "parameter" or "input". */
  readonly operation: string;
  /** of its value, the batch of one example first. */
  readonly shape: readonly number[];
  /** of its value. */
  readonly dtype: string;
  /** numbers of the nodes that it reads, parameters too. */
  readonly inputs: readonly number[];
  /** arithmetic operations of one example; a multiply-add counts as two. */
  readonly operations: number;
  /** whether an error signal can arrive. */
  readonly carries_error: boolean;
  /** of a loop over time. */
  readonly steps: number;
}

/** A call of a layer: what the graph folds into one box. The first group is the whole pass. */
export interface GraphGroup {
  /** number of the group around it; -1 of the whole pass. */
  readonly parent: number;
  /** of the layer; "" of the whole pass, "loss" of the loss. */
  readonly path: string;
  /** the path relative to the group around it; a later call as "activation #2". */
  readonly title: string;
  /** class of the layer, or the activation that it applies. */
  readonly kind: string;
  /** number of the node of its output. */
  readonly output: number;
  /** how many learned numbers its nodes are the first to read. */
  readonly parameters: number;
  /** arithmetic operations of one example inside it. */
  readonly operations: number;
  /** how many nodes are inside it, parameters not counted. */
  readonly nodes: number;
}

/** A network as a graph that folds by the paths of its layers. */
export interface NetworkGraph {
  /** which. */
  readonly source: SourceEntry;
  /** its class. */
  readonly model: string;
  /** in the order of computation, parameters first. */
  readonly nodes: readonly GraphNode[];
  /** outer ones before inner ones, and in the order of computation. */
  readonly groups: readonly GraphGroup[];
  /** what each operation and each kind of layer is, in one sentence, by its name. */
  readonly about: Readonly<Record<string, string>>;
  /** what a pass can be made for. */
  readonly takes: readonly ("example" | "numbers" | "picture" | "text")[];
  /** of one example, as the model takes it; of several inputs the first. */
  readonly input_shape: readonly number[];
  /** height, width and channels of the pictures that it takes; null for others. */
  readonly picture_shape: readonly [number, number, number] | null;
  /** how many tokens it reads at once; null where there is no limit, or no text. */
  readonly longest_text: number | null;
  /** what a token of its text is: "character", "word" or "symbol"; null without texts. */
  readonly level: string | null;
  /** how many there are. */
  readonly examples: number;
  /** which they are: "test", "development", "training", "given" or "made up". */
  readonly part: string;
  /** what one of them is called. */
  readonly noun: string;
  /** names of the classes, or of the tokens that are predicted; empty for others. */
  readonly classes: readonly string[];
  /** what E is, in words. */
  readonly objective: string;
  /** what the reader has to know, such as that the weights are not trained. */
  readonly remarks: readonly string[];
}

/** An example in the list to choose from. */
export interface ExampleEntry {
  /** of it. */
  readonly number: number;
  /** its number, and its name where it has one. */
  readonly title: string;
  /** its class, its value, or its text. */
  readonly target: string;
  /** as a data address; null where it is none. */
  readonly picture: string | null;
}

/** Some of the examples. */
export interface ExampleList {
  /** in their order. */
  readonly examples: readonly ExampleEntry[];
  /** number of the first. */
  readonly start: number;
  /** how many there are. */
  readonly total: number;
}

/** A picture as its bytes, row by row, such as one that was drawn. */
export interface Pixels {
  /** height, width and channels. */
  readonly shape: readonly [number, number, number];
  /** the bytes from 0 to 255, in base64. */
  readonly data: string;
}

/** What a pass is made for: an example, or one of text, picture, pixels and numbers. */
export interface PassRequest {
  /** of the network. */
  readonly source: string;
  /** its number; "worst" is the wrong prediction with the largest loss. */
  readonly example: number | "worst" | null;
  /** typed; the preparation of the run turns it into tokens. */
  readonly text: string | null;
  /** a PNG or JPEG file in base64. */
  readonly picture: string | null;
  /** drawn. */
  readonly pixels: Pixels | null;
  /** one row of raw inputs. */
  readonly numbers: readonly number[] | null;
  /** whether dark and light of a picture are exchanged first. */
  readonly inverted: boolean;
  /** number of the class with which the output is compared; null for the example's own, or for the predicted class where there is none. */
  readonly target: number | null;
  /** of a text: only the prediction at this place counts, so that the error signals show what reaches back from there; null counts every place. */
  readonly position: number | null;
}

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

/** An operation on the way of an error signal back from E. */
export interface WhyStep {
  /** its number. */
  readonly node: number;
  /** its name. */
  readonly name: string;
  /** the norm that it passes on, divided by the norm that arrived. */
  readonly factor: number | null;
  /** of what it passes on; null where it is not finite. */
  readonly norm: number | null;
}

/** Why the error signal of a node, or the gradient of a parameter, has its size. */
export interface WhyShown {
  /** its number. */
  readonly node: number;
  /** "zero", "tiny", "huge", "not a number", "healthy" or "not connected". */
  readonly verdict: string;
  /** of its error signal; null where it is not finite. */
  readonly norm: number | null;
  /** number of the node that is the cause; null where none stands out. */
  readonly culprit: number | null;
  /** in words. */
  readonly reason: string;
  /** from E back to the node. */
  readonly steps: readonly WhyStep[];
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
}

/** The header of a frame "maps": values and error signals of every layer as pictures. */
export interface MapsShown {
  readonly pass_id: string;
  readonly layers: readonly MapsLayer[];
}

/** An input of an operation at one entry. */
export interface Operand {
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
  readonly kind: "average_pool" | "convolution" | "entrywise" | "max_pool" | "other" | "weighted_sum";
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
  readonly operands: readonly Operand[];
  /** of other operations: the chain rule with its numbers. */
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
}

/** A recurrent layer, or one of several inside it, in a frame "sequence". */
export interface RecurrentShown {
  /** of its layer. */
  readonly path: string;
  /** its number where several are stacked. */
  readonly depth: number;
  /** "LSTM", "GRU" or "RNN". */
  readonly kind: string;
  /** of its gates and states, which are arrays of the frame. */
  readonly names: readonly string[];
  /** H. */
  readonly units: number;
  /** by which one step back changes the norm of the error signal, as a geometric mean; null where it is not known. */
  readonly factor: number | null;
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
  /** what the model reads, with signs for white space. */
  readonly tokens: readonly string[];
  /** what should come next at each place; "" where nothing is compared. */
  readonly targets: readonly string[];
  /** the tokens that are predicted, with signs for white space. */
  readonly classes: readonly string[];
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
