// An engine at the other end of a WebSocket. A lost connection is made again, with growing pauses.

import type { Engine, EngineState } from "./engine";
import { decode, type Frame } from "./frame";
import type { Answer, Request } from "./messages";
import { wire, type Socket } from "./wire";

const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 10_000;

const OPEN = 1;

export class RemoteEngine<Asked = Request, Told = Answer> implements Engine<Asked, Told> {
  onAnswer: (answer: Told) => void = () => {};
  onFrame: (frame: Frame) => void = () => {};
  onState: (state: EngineState, about: string | null) => void = () => {};

  readonly #connect: () => Socket;
  #socket: Socket | null = null;
  #pause = FIRST_PAUSE;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** Call `open` after the callbacks are set. */
  constructor(connect: () => Socket) {
    this.#connect = connect;
  }

  static at<Asked = Request, Told = Answer>(path: string): RemoteEngine<Asked, Told> {
    return new RemoteEngine<Asked, Told>(() => wire.connect(path));
  }

  open(): void {
    if (this.#isClosed) return;
    const former = this.#socket;
    this.#socket = null; // it is not made again
    former?.close();
    const socket = this.#connect();
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#pause = FIRST_PAUSE;
      this.onState("open", null);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      if (typeof data === "string") this.onAnswer(JSON.parse(data) as Told);
      else if (data instanceof ArrayBuffer) this.onFrame(decode(data));
    };
    socket.onclose = () => {
      if (this.#isClosed || socket !== this.#socket) return;
      const seconds = Math.ceil(this.#pause / 1000);
      this.onState("lost", `No answer from the studio. Trying again in ${seconds} s.`);
      this.#timer = setTimeout(() => this.open(), this.#pause);
      this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 1.8);
    };
  }

  /** Try again now, without waiting for the pause to end. */
  retry(): void {
    if (this.#socket?.readyState === OPEN) return;
    clearTimeout(this.#timer);
    this.#pause = FIRST_PAUSE;
    this.open();
  }

  ask(request: Asked): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(request));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.onState("closed", null);
  }
}
