// What the view of the backward pass shows in the classroom file: the pages of the lectures, which
// the library has worked out (`tools/studio_passes.py`), and the playground's network, worked out
// here.

import type {
  AnswerMarks,
  ExerciseSheet,
  MarkWish,
  PassPage,
  PassTrace,
  SentNetwork,
  TraceWish,
} from "../../backward/messages";
import { DIGITS } from "../../backward/place";
import type { PassLimits, PassSupply, Source } from "../../backward/supply";
import { Refused } from "../../engine/asking";
import { type KeyLine, marked } from "./grading";
import { handout } from "./handout";
import address from "./lectures.bin?url";
import { exercise } from "./sheet";
import { traced } from "./trace";

const MOST_PASSES = 200;
const NETWORK_DIGITS = Array.from(
  { length: DIGITS.most - DIGITS.least + 1 },
  (_, i) => DIGITS.least + i,
);

/** The pages of the lectures, as Python wrote them. */
export interface Lectures {
  /** Of all shown numbers. */
  readonly digits: number;
  readonly pages: readonly PassPage[];
  readonly passes: readonly LecturePage[];
}

interface LecturePage {
  readonly name: string;
  readonly traces: readonly { readonly trace: PassTrace; readonly key: readonly KeyLine[] }[];
  readonly sheet: ExerciseSheet;
  readonly key: readonly KeyLine[];
  /** Pages to print. */
  readonly worked: string;
  readonly blank: string;
}

export async function lectures(): Promise<Lectures> {
  const { body } = await fetch(address); // a part of this file
  const stream = body!.pipeThrough(new DecompressionStream("deflate"));
  return (await new Response(stream).json()) as Lectures;
}

export class KeptSupply implements PassSupply {
  readonly #printed = new Map<string, string>();

  constructor(readonly known: Lectures) {}

  async pages(): Promise<readonly PassPage[]> {
    return this.known.pages;
  }

  async trace(wish: TraceWish): Promise<PassTrace> {
    const { source, digits = this.known.digits, number = 1 } = wish;
    if (source.type === "network") return traced(checked(source), digits, number).trace;
    return this.#trace(source, number, wish.detail ?? null).trace;
  }

  async sheet(source: Source, digits: number): Promise<ExerciseSheet> {
    if (source.type === "network") return exercise(checked(source), digits).sheet;
    return this.#page(source).sheet;
  }

  async marks({ source, answers, of, digits, detail, number }: MarkWish): Promise<AnswerMarks> {
    if (source.type === "network") {
      const { key } =
        of === "sheet" ? exercise(checked(source), digits) : traced(checked(source), digits, number);
      return marked(key, answers, digits);
    }
    const { key } =
      of === "sheet"
        ? this.#page(source)
        : this.#trace(source, number, detail ?? null);
    return marked(key, answers, this.known.digits);
  }

  limits(source: Source): PassLimits {
    if (source.type === "network") return { digits: NETWORK_DIGITS, passes: MOST_PASSES };
    const numbers = this.known.passes
      .filter(({ name }) => source.type === "page" && name === source.name)
      .flatMap(({ traces }) => traces.map(({ trace }) => trace.number));
    return { digits: [this.known.digits], passes: Math.max(1, ...numbers) };
  }

  /** A page to print, made when its address is first asked for. */
  printed(kind: "worked" | "blank", source: Source, digits: number): string {
    const key = JSON.stringify([kind, source, digits]);
    let address = this.#printed.get(key);
    if (!address) {
      const isBlank = kind === "blank";
      const text = source.type === "network" ? handout(source, digits, isBlank) : this.#page(source)[kind];
      address = URL.createObjectURL(new Blob([text], { type: "text/html" }));
      this.#printed.set(key, address);
    }
    return address;
  }

  #page(source: Source): LecturePage {
    const name = source.type === "page" && source.seed === null ? source.name : null;
    const page = this.known.passes.find((one) => one.name === name);
    if (page) return page;
    throw refused("this file does not have that page", "choose one of the lectures' examples");
  }

  #trace(source: Source, number: number, detail: PassTrace["detail"] | null) {
    const { traces } = this.#page(source);
    const ofPass = traces.filter(({ trace }) => trace.number === number);
    const found = ofPass.find(({ trace }) => trace.detail === detail) ?? ofPass[0];
    if (found) return found;
    throw refused("this file shows fewer passes of this page", "go back to an earlier pass");
  }
}

function checked(source: SentNetwork): SentNetwork {
  const numbers = [...source.layers.flatMap(({ weight, bias }) => [...weight.flat(), ...(bias ?? [])]), ...source.input, source.target];
  if (numbers.every(Number.isFinite)) return source;
  throw refused("a number of this network is not finite", "go back in the playground");
}

function refused(message: string, fix: string): Refused {
  const nothing = { where: null, given: null, expected: null, request: null };
  return new Refused({ type: "problem", message, fix, ...nothing });
}
