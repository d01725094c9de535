// What the view of the backward pass sends and gets.
// Written by `python -m tools.studio_types` from clearprop/studio/backward/messages.py: change that file and run the
// command again; a test compares the two.

/** An example of the lectures, or with a seed an exercise with numbers of its own. */
export interface NamedPage {
  readonly type: "page";
  /** "gate" or "2-2-1", with a seed also "network" or other sizes. */
  readonly name: string;
  /** of the exercise; null for the example of the lectures. */
  readonly seed: number | null;
}

/** A layer: y = activation(x W + b). */
export interface SentLayer {
  /** W, (units of the layer before, units). */
  readonly weight: readonly (readonly number[])[];
  /** b, (units,). */
  readonly bias: readonly number[] | null;
  /** its name; "identity" for none. */
  readonly activation: string;
}

/** A network with an example, such as the playground has them now; numbers of 32 bits. */
export interface SentNetwork {
  readonly type: "network";
  /** hidden layers, then the output. */
  readonly layers: readonly SentLayer[];
  /** the example as the first layer takes it. */
  readonly input: readonly number[];
  /** a number; of "cross_entropy" the number of the class, from 0. */
  readonly target: number;
  /** its name. */
  readonly loss: string;
  /** of the step of gradient descent after the pass. */
  readonly learning_rate: number;
  /** the names of the inputs; empty for none. */
  readonly features: readonly string[];
}

/** A recorded run with one example. */
export interface RunExample {
  readonly type: "run";
  /** the name of the run's folder. */
  readonly run: string;
  /** its number in the held-out part. */
  readonly example: number;
}

/** Asks for a pass step by step; answered by `PassTrace`. */
export interface TraceWish {
  /** what is worked out. */
  readonly source: NamedPage | SentNetwork | RunExample;
  /** significant digits of the shown numbers. */
  readonly digits: number;
  /** "neurons" shows the operations of the network, "gates" splits them into sums and products; a function has only gates. */
  readonly detail: "gates" | "neurons" | null;
  /** 1 is the first pass; each later one has the weights after another step. */
  readonly number: number;
}

/** Asks for the marks of some answers; answered by `AnswerMarks`. */
export interface MarkWish {
  /** what was worked out. */
  readonly source: NamedPage | SentNetwork | RunExample;
  /** what was written, by the number of the gap as text. */
  readonly answers: Readonly<Record<string, string>>;
  /** "sheet": the gaps of the exercise; "steps": those of the pass step by step. */
  readonly of: "sheet" | "steps";
  /** of the page that asks. */
  readonly digits: number;
  /** of the pass that is asked about. */
  readonly detail: "gates" | "neurons" | null;
  /** of the pass that is asked about. */
  readonly number: number;
}

/** A number as it is shown. */
export interface WrittenNumber {
  /** unrounded; null where it is not finite. */
  readonly value: number | null;
  /** rounded. */
  readonly text: string;
  /** the same in MathML. */
  readonly mathml: string;
}

/** name = symbols = numbers = result; the parts are MathML. */
export interface WrittenEquation {
  /** the quantity. */
  readonly name: string;
  /** right sides with symbols, in their order. */
  readonly symbols: readonly string[];
  /** the last of them with numbers; null where it would repeat the result. */
  readonly numbers: string | null;
  /** the value. */
  readonly result: WrittenNumber;
  /** all of it as plain text, for screen readers and copies. */
  readonly text: string;
  /** the part of the text before the numbers. */
  readonly question: string;
}

/** One number of the pass: a given one, or the result of an operation. */
export interface PassNode {
  /** as plain text, such as "h1". */
  readonly name: string;
  /** its name in MathML. */
  readonly label: string;
  /** what it is. */
  readonly kind: "gate" | "input" | "result" | "target" | "weight";
  /** the operation that computed it; "" for a given number. */
  readonly operation: string;
  /** what stands in its circle, such as "×" or "+1"; its name for a given number. */
  readonly sign: string;
  /** where it comes from, in words: a path, "input" or "target"; "" where nothing is known. */
  readonly about: string;
  /** its position on the tape; the sweep goes from the highest to the lowest. */
  readonly tape: number;
  /** computed in the forward pass. */
  readonly value: WrittenNumber;
  /** dE/dvalue; null for a target, which gets no error signal. */
  readonly error: WrittenNumber | null;
  /** how its value is computed; null for a given number. */
  readonly forward: WrittenEquation | null;
  /** how its error signal is the sum of what arrives; null where only one link arrives. */
  readonly total: WrittenEquation | null;
  /** of the drawing, from the left. */
  readonly column: number;
  /** of the drawing, from the top. */
  readonly row: number;
  /** whether the step of gradient descent changes it. */
  readonly changes: boolean;
}

/** A number that is an input of an operation. */
export interface PassLink {
  /** the node of the number. */
  readonly source: number;
  /** the node of the operation. */
  readonly user: number;
  /** the local derivative of the user by the source; null for a link without one. */
  readonly slope: WrittenNumber | null;
  /** error signal of the user times local derivative, which flows back; null for a link without one. */
  readonly passed: WrittenNumber | null;
  /** how the local derivative is computed; null for a link without one. */
  readonly local: WrittenEquation | null;
  /** the chain rule at this link; null for a link without one. */
  readonly backward: WrittenEquation | null;
}

/** A circle of the drawing as neurons. */
export interface PassUnit {
  /** what it is; "loss" holds everything behind the outputs. */
  readonly kind: "input" | "loss" | "neuron" | "target";
  /** those inside, in the order of computation; the last is its output. */
  readonly nodes: readonly number[];
  /** the node of its bias. */
  readonly bias: number | null;
  /** of the drawing, from the left. */
  readonly column: number;
  /** of the drawing, from the top. */
  readonly row: number;
}

/** A link between two circles. */
export interface UnitWire {
  /** the unit. */
  readonly source: number;
  /** the unit that it leads to. */
  readonly user: number;
  /** the node of its weight; null for a link without one. */
  readonly weight: number | null;
  /** the links that it stands for, that of the weight too. */
  readonly links: readonly number[];
}

/** A number that a student can work out before it is shown. */
export interface PassQuestion {
  /** its number among all questions. */
  readonly gap: number;
  /** of the quantity. */
  readonly name: string;
  /** its name in MathML. */
  readonly label: string;
  /** whose value, error signal or new value is asked for. */
  readonly node: number;
  /** which of these. */
  readonly asked: "error" | "update" | "value";
  /** of a part of an error signal: through which link; null for the others. */
  readonly link: number | null;
}

/** How the step of gradient descent changes a number. */
export interface WeightChange {
  /** which. */
  readonly node: number;
  /** w' = w - eta dE/dw. */
  readonly equation: WrittenEquation;
}

/** One step of the view. */
export interface PassStep {
  /** "start" shows the given numbers, "seed" is dE/dE = 1. */
  readonly phase: "backward" | "forward" | "loss" | "seed" | "start" | "update";
  /** which is computed, or whose error signal is complete and handed on; null for others. */
  readonly node: number | null;
  /** through which the value comes, or the error signals flow. */
  readonly links: readonly number[];
  /** nodes whose error signals are complete after it. */
  readonly complete: readonly number[];
  /** what happens. */
  readonly sentence: string;
  /** what can be asked before it. */
  readonly questions: readonly PassQuestion[];
}

/** An output or the result, before and after the step of gradient descent. */
export interface PassOutput {
  /** its name in MathML. */
  readonly label: string;
  /** as plain text. */
  readonly name: string;
  /** in this pass. */
  readonly before: WrittenNumber;
  /** in the next. */
  readonly after: WrittenNumber;
}

/** A pass in single numbers, forward and back. */
export interface PassTrace {
  /** what is worked out. */
  readonly title: string;
  /** paragraphs about it. */
  readonly intro: readonly string[];
  /** pairs of a heading and a text. */
  readonly notes: readonly (readonly [string, string])[];
  /** of the shown numbers. */
  readonly digits: number;
  /** which operations are shown. */
  readonly detail: "gates" | "neurons";
  /** which can be shown. */
  readonly details: readonly ("gates" | "neurons")[];
  /** why there is no other; "" where there is. */
  readonly without: string;
  /** of the pass, from 1. */
  readonly number: number;
  /** the node that is differentiated. */
  readonly result: number;
  /** the learning rate; null where there is no step of gradient descent. */
  readonly rate: WrittenNumber | null;
  /** in the order of computation, given numbers first. */
  readonly nodes: readonly PassNode[];
  /** of all nodes. */
  readonly links: readonly PassLink[];
  /** circles of the drawing as neurons; empty where the network has none. */
  readonly units: readonly PassUnit[];
  /** links between them. */
  readonly wires: readonly UnitWire[];
  /** of the view. */
  readonly steps: readonly PassStep[];
  /** what the step of gradient descent changes. */
  readonly changes: readonly WeightChange[];
  /** before and after this step. */
  readonly outputs: readonly PassOutput[];
}

/** A page that can be opened by its name. */
export interface PassPage {
  /** of the page. */
  readonly name: string;
  /** whether a seed draws its numbers. */
  readonly seeded: boolean;
  /** for a button. */
  readonly title: string;
  /** one sentence. */
  readonly about: string;
}

/** A quantity of an exercise. */
export interface SheetLine {
  /** its number; 0 for a given number. */
  readonly gap: number;
  /** as plain text. */
  readonly name: string;
  /** its name in MathML. */
  readonly label: string;
  /** in MathML; of a given number, the number. */
  readonly formula: string;
  /** the same as plain text. */
  readonly text: string;
  /** where it comes from. */
  readonly about: string;
}

/** A part of an exercise. */
export interface SheetPart {
  readonly heading: string;
  readonly text: string;
  readonly lines: readonly SheetLine[];
}

/** An exercise to fill in on the page. */
export interface ExerciseSheet {
  /** what is worked out. */
  readonly title: string;
  /** paragraphs about it. */
  readonly intro: readonly string[];
  /** how answers are written. */
  readonly how: string;
  /** in the order of the calculation. */
  readonly parts: readonly SheetPart[];
}

/** The mark of one answer. */
export interface AnswerMark {
  /** of the quantity. */
  readonly gap: number;
  /** of the quantity. */
  readonly name: string;
  /** "carried" is right after an earlier mistake. */
  readonly verdict: "carried" | "empty" | "right" | "wrong";
  /** of the mistake; "" where there is none. */
  readonly kind: string;
  /** what this kind of mistake is. */
  readonly about: string;
  /** what is probably wrong; "" where it is not known. */
  readonly hint: string;
  /** the true value. */
  readonly expected: WrittenNumber;
}

/** The marks of answers. */
export interface AnswerMarks {
  /** in the order of the gaps. */
  readonly answers: readonly AnswerMark[];
  /** how many are right, or right after an earlier mistake. */
  readonly good: number;
  /** how many were answered. */
  readonly of: number;
}
