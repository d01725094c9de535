// The way of a page in a notebook: requests and WebSockets travel through a port, whose other end
// passes them to the kernel. `clearprop/studio/channel.py` answers them.

import type { Socket, Wire } from "../engine/wire";
import type { Passed } from "./widget";

type Told =
  | { readonly type: "answer"; readonly id: string; readonly status: number; readonly kind: string }
  | { readonly type: "open" | "frame" | "closed"; readonly id: string }
  | { readonly type: "text"; readonly id: string; readonly text: string }
  | { readonly type: "gone" };

interface Question {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
}

/** Milliseconds between the messages that say that the page is there; `channel.py` counts them. */
const BEAT = 15_000;

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 3;

export class PortWire implements Wire {
  readonly #port: MessagePort;
  readonly #home: string;
  readonly #page = crypto.getRandomValues(new Uint32Array(4)).join("-");
  #count = 0;
  #isGone = false;
  readonly #beats: ReturnType<typeof setInterval>;
  readonly #questions = new Map<string, Question>();
  readonly #sockets = new Map<string, PortSocket>();

  constructor(port: MessagePort, home: string) {
    this.#port = port;
    this.#home = home;
    port.onmessage = ({ data }: MessageEvent<Passed>) => this.#take(data[0] as Told, data[1]);
    this.#beats = setInterval(() => {
      if (this.#sockets.size) this.#send({ type: "beat", id: "", ids: [...this.#sockets.keys()] }, []);
    }, BEAT);
  }

  readonly ask = async (path: string, options: RequestInit = {}): Promise<Response> => {
    const { signal } = options;
    signal?.throwIfAborted();
    // This reads every kind of body, and knows its media type.
    const request = new Request("https://notebook.invalid/", { method: options.method ?? "GET", body: options.body ?? null });
    const headers = new Headers(options.headers);
    const kind = headers.get("content-type") ?? request.headers.get("content-type") ?? "";
    const body = await request.arrayBuffer();
    const id = this.#name();
    if (this.#isGone) throw new TypeError("the cell of this page is gone");
    const giveUp = () => {
      this.#send({ type: "drop", id }, []);
      this.#questions.get(id)?.reject(signal?.reason);
      this.#questions.delete(id);
    };
    signal?.addEventListener("abort", giveUp);
    const answered = new Promise<Response>((resolve, reject) => this.#questions.set(id, { resolve, reject }));
    this.#send({ type: "ask", id, method: request.method, path, kind }, body.byteLength ? [body] : []);
    return answered.finally(() => signal?.removeEventListener("abort", giveUp));
  };

  readonly connect = (path: string): Socket => {
    const id = this.#name();
    const socket = new PortSocket(id, (message) => this.#send(message, []));
    if (this.#isGone) return socket; // it connects for ever
    this.#sockets.set(id, socket);
    this.#send({ type: "connect", id, path }, []);
    return socket;
  };

  readonly link = (path: string): string => {
    const address = new URL(this.#home);
    address.search = ""; // where a token can stand
    return new URL(path, address).href;
  };

  /** A name that no other page of the notebook gives. */
  #name(): string {
    this.#count += 1;
    return `${this.#page}-${this.#count}`;
  }

  #send(content: Passed[0], buffers: ArrayBuffer[]): void {
    const passed: Passed = [content, buffers];
    this.#port.postMessage(passed, buffers);
  }

  #take(told: Told, buffers: ArrayBuffer[]): void {
    if (told.type === "gone") {
      this.#isGone = true;
      clearInterval(this.#beats);
      for (const socket of this.#sockets.values()) socket.close();
      for (const { reject } of this.#questions.values()) reject(new TypeError("the cell of this page is gone"));
      this.#questions.clear();
    } else if (told.type === "answer") {
      const question = this.#questions.get(told.id);
      this.#questions.delete(told.id);
      const hasBody = told.status !== 204 && told.status !== 304;
      const headers = { "content-type": told.kind };
      question?.resolve(new Response(hasBody ? (buffers[0] ?? null) : null, { status: told.status, headers }));
    } else {
      const socket = this.#sockets.get(told.id); // a page gets the messages of all views of a widget
      if (told.type === "closed") this.#sockets.delete(told.id);
      socket?.take(told, buffers[0]);
    }
  }
}

class PortSocket implements Socket {
  binaryType = "arraybuffer";
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  readyState = CONNECTING;

  readonly #id: string;
  readonly #send: (message: Passed[0]) => void;

  constructor(id: string, send: (message: Passed[0]) => void) {
    this.#id = id;
    this.#send = send;
  }

  take(told: Exclude<Told, { readonly type: "gone" | "answer" }>, frame: ArrayBuffer | undefined): void {
    if (this.readyState === CLOSED) return;
    if (told.type === "open") {
      this.readyState = OPEN;
      this.onopen?.();
    } else if (told.type === "text") {
      this.onmessage?.({ data: told.text });
    } else if (told.type === "frame") {
      this.#send({ type: "got", id: this.#id }); // so the kernel sends no faster than the page takes
      this.onmessage?.({ data: frame });
    } else {
      this.readyState = CLOSED;
      this.onclose?.();
    }
  }

  send(text: string): void {
    if (this.readyState === OPEN) this.#send({ type: "say", id: this.#id, text });
  }

  close(): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.#send({ type: "leave", id: this.#id });
    this.onclose?.();
  }
}
