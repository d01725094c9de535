// What the views of any model send, and what they get as JSON.
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
  /** whether it takes pictures, or may: of a saved model it is known when it is opened. */
  readonly pictures: boolean;
  /** whether it predicts the next token of a text, or may. */
  readonly texts: boolean;
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
  /** whether it predicts at each place of a text the token that comes next. */
  readonly continues: boolean;
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
  /** whether a picture is cut to its ink, scaled, centered and drawn light or dark as the examples are, where those lie on a plain ground. */
  readonly fitted: boolean;
  /** whether dark and light of a picture are exchanged. */
  readonly inverted: boolean;
  /** number of the class with which the output is compared; null for the example's own, or for the predicted class where there is none. */
  readonly target: number | null;
  /** of a text: only the prediction at this place counts, so that the error signals show what reaches back from there; "last" is the last one; null counts every place. */
  readonly position: number | "last" | null;
  /** whether a typed text is filled up to one of a few lengths where what comes next is predicted: texts of other lengths then need no new program. What fills it up comes after the text, and a model is known to read no later place; others get the text as it is. */
  readonly roomy: boolean;
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
