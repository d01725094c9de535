// What trains the networks of the page. The page does not know which engine it has: a server at the
// other end of a WebSocket (`remote.ts`) or a worker of the page itself.

import type { Frame } from "./frame";
import type { Answer, Request } from "./messages";

/** "open" answers; "lost" tries to come back; "closed" was closed by the page. */
export type EngineState = "connecting" | "open" | "lost" | "closed";

export interface Engine {
  /** Begin, after the callbacks are set. */
  open(): void;
  /** Returns at once. A request that cannot be sent now is dropped: see `onState`. */
  ask(request: Request): void;
  onAnswer: (answer: Answer) => void;
  onFrame: (frame: Frame) => void;
  /** After every "open" the engine knows nothing of this page: send the settings again. */
  onState: (state: EngineState, about: string | null) => void;
  close(): void;
}
