// What trains the networks of the page. The page does not know which engine it has: a server at the
// other end of a WebSocket (`remote.ts`) or a worker of the page itself.

import type { Frame } from "./frame";
import type { Answer, Request } from "./messages";

/** "open" answers; "lost" tries to come back; "closed" was closed by the page. */
export type EngineState = "connecting" | "open" | "lost" | "closed";

/** `Asked` and `Told` are the requests and the answers; the playground's by default. */
export interface Engine<Asked = Request, Told = Answer> {
  /** Begin, after the callbacks are set. */
  open(): void;
  /** Returns at once. A request that cannot be sent now is dropped: see `onState`. */
  ask(request: Asked): void;
  onAnswer: (answer: Told) => void;
  onFrame: (frame: Frame) => void;
  /** After every "open" the engine knows nothing of this page: send the settings again. */
  onState: (state: EngineState, about: string | null) => void;
  /** Try again now, where it was lost. */
  retry(): void;
  close(): void;
}
