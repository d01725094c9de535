// An engine in a Web Worker of the page: it trains dense networks without a server.

import type { Engine, EngineState } from "../engine/engine";
import { decode, type Frame } from "../engine/frame";
import type { Answer, Request } from "../engine/messages";
import type { ToWorker } from "./worker";
// The worker is part of the page's file, so that it also starts where the page came from a disk.
import DenseWorker from "./worker?worker&inline";

export class WorkerEngine implements Engine {
  onAnswer: (answer: Answer) => void = () => {};
  onFrame: (frame: Frame) => void = () => {};
  onState: (state: EngineState, about: string | null) => void = () => {};

  readonly #make: () => Worker;
  #worker: Worker | null = null;

  /** Call `open` after the callbacks are set. */
  constructor(make: () => Worker = () => new DenseWorker()) {
    this.#make = make;
  }

  open(): void {
    const worker = this.#make();
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer | ArrayBuffer>) => {
      if (data instanceof ArrayBuffer) {
        this.onFrame(decode(data));
        this.#tell({ shown: true });
      } else {
        this.onAnswer(data);
      }
    };
    worker.onerror = (event) => {
      this.onState("lost", `The engine of this page stopped: ${event.message}. Reload the page.`);
    };
    this.onState("open", null);
  }

  /** Begin anew with a new worker. */
  retry(): void {
    this.#worker?.terminate();
    this.open();
  }

  ask(request: Request): void {
    this.#tell({ ask: request });
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.onState("closed", null);
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}
