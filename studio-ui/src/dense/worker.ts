// The worker of `WorkerEngine`: a session of the dense engine, away from the page's thread.

import type { Request } from "../engine/messages";
import { DenseSession } from "./session";

export type ToWorker = { readonly ask: Request } | { readonly shown: true };

// Messages of a channel come after those that wait already, and without the 4 ms of a timer.
const channel = new MessageChannel();
let waiting: (() => void)[] = [];
channel.port1.onmessage = () => {
  const due = waiting;
  waiting = [];
  for (const work of due) work();
};

function later(work: () => void, milliseconds: number): void {
  if (milliseconds > 0) {
    setTimeout(work, milliseconds);
    return;
  }
  waiting.push(work);
  channel.port2.postMessage(null);
}

const session = new DenseSession({
  send: (answer) => postMessage(answer),
  show: (frame) => postMessage(frame, [frame]),
  now: () => performance.now(),
  later,
});

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if ("ask" in data) session.ask(data.ask);
  else session.shown();
});
