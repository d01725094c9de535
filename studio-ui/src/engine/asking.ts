// Questions to the studio over HTTP. Whatever it refuses comes as a `Refused` with its words.

import type { Problem } from "./messages";
import { wire } from "./wire";

/** Why the studio did not give what was asked for. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Ask; an answer that is no success comes as an error. */
export async function asked(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await wire.ask(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refused(problem("the studio does not answer", "see whether its command still runs"));
  }
  if (response.ok) return response;
  throw new Refused(await said(response));
}

/** Ask for an answer in JSON. */
export async function askedJson<Answer>(path: string, options: RequestInit = {}): Promise<Answer> {
  const response = await asked(path, options);
  try {
    return (await response.json()) as Answer;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refused(problem("the answer of the studio cannot be read", "load the page again"));
  }
}

/** A question by POST, whose body is JSON. */
export function posted(body: unknown): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}

/** An address with values behind it. */
export function withQuery(path: string, query: Iterable<readonly [string, string | number | boolean]>): string {
  const values = new URLSearchParams([...query].map(([name, value]) => [name, String(value)]));
  const text = values.toString();
  return text ? `${path}?${text}` : path;
}

async function said(response: Response): Promise<Problem> {
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
  if (!(error instanceof Refused)) return error instanceof Error ? error.message : String(error);
  const { message, where, given, expected, fix } = error.problem;
  const parts = [
    `${where ? `${where}: ` : ""}${message}`,
    given ? `given: ${given}` : "",
    expected ? `expected: ${expected}` : "",
    fix ?? "",
  ];
  return parts.filter((part) => part).join("; ");
}
