// Questions to the server about runs. Whatever it refuses comes as a `RunProblem` with its words.

import { decode, type Frame } from "../engine/frame";
import type { Problem } from "../engine/messages";

export class RunProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** What answers a question at an address: the server, unless a page has the answers with it. */
export type Answering = (path: string, signal?: AbortSignal) => Promise<Response>;

let answering: Answering = (path, signal) => fetch(path, signal ? { signal } : {});

/** Take all answers from elsewhere. */
export function answerBy(other: Answering): void {
  answering = other;
}

type Query = readonly (readonly [string, string | number])[];

export function pathOf(part: string, query: Query): string {
  const values = new URLSearchParams(query.map(([name, value]) => [name, String(value)]));
  const text = values.toString();
  return `api/runs${part ? `/${part}` : ""}${text ? `?${text}` : ""}`;
}

export async function getJson<Answer>(part: string, query: Query, signal?: AbortSignal): Promise<Answer> {
  const response = await asked(part, query, signal);
  return (await response.json()) as Answer;
}

export async function getFrame(part: string, query: Query, signal?: AbortSignal): Promise<Frame> {
  const response = await asked(part, query, signal);
  return decode(await response.arrayBuffer());
}

async function asked(part: string, query: Query, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await answering(pathOf(part, query), signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RunProblem(problem("the studio does not answer", "see whether its command still runs"));
  }
  if (response.ok) return response;
  throw new RunProblem(await said(response));
}

export async function said(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return problem(`the studio answers with status ${response.status}`, null);
  }
}

export function problem(message: string, fix: string | null): Problem {
  return { type: "problem", message, where: null, given: null, expected: null, fix, request: null };
}

/** What went wrong, as one text. */
export function inWords(error: unknown): string {
  if (!(error instanceof RunProblem)) return error instanceof Error ? error.message : String(error);
  const { message, where, given, expected, fix } = error.problem;
  const parts = [
    `${where ? `${where}: ` : ""}${message}`,
    given ? `given: ${given}` : "",
    expected ? `expected: ${expected}` : "",
    fix ?? "",
  ];
  return parts.filter((part) => part).join("; ");
}
