// What the settings can be chosen from.

import { problem, RunProblem, said } from "../runs/api";
import type { VisionChoices } from "./messages";

export async function loadChoices(signal: AbortSignal): Promise<VisionChoices> {
  let response: Response;
  try {
    response = await fetch("api/vision/choices", { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new RunProblem(problem("the studio does not answer", "see whether its command still runs"));
  }
  if (!response.ok) throw new RunProblem(await said(response));
  return (await response.json()) as VisionChoices;
}
