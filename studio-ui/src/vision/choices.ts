// What the settings can be chosen from.

import { askedJson } from "../engine/asking";
import type { VisionChoices } from "./messages";

export function loadChoices(signal: AbortSignal): Promise<VisionChoices> {
  return askedJson("api/vision/choices", { signal });
}
