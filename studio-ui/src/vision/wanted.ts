// What a pass is made for: an example, or a picture of the user's own, and the class to compare with.

import type { PassRequest, Pixels } from "../models/messages";

export interface Wanted {
  /** Its number, or the worst mistake; null for a picture of the user's own. */
  readonly example: number | "worst" | null;
  readonly pixels?: Pixels;
  /** The class that the output is compared with; null takes the example's own, or the prediction. */
  readonly target: number | null;
}

export function passRequest(source: string, { example, pixels, target }: Wanted): PassRequest {
  return {
    source,
    example,
    text: null,
    picture: null,
    pixels: pixels ?? null,
    numbers: null,
    fitted: pixels !== undefined,
    inverted: false,
    target,
    position: null,
    roomy: false,
  };
}
