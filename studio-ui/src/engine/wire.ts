// How the page reaches the studio: by HTTP and WebSockets, unless it has another way, as in a
// notebook or in a file that holds all answers.

export interface Socket {
  binaryType: string;
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  readonly readyState: number;
  send(text: string): void;
  close(): void;
}

export interface Wire {
  /** Ask at an address such as "api/runs". */
  readonly ask: (path: string, options?: RequestInit) => Promise<Response>;
  /** Open a connection such as "ws/runs". */
  readonly connect: (path: string) => Socket;
  /** The address of a page of the studio, for a link. */
  readonly link: (path: string) => string;
}

const network: Wire = {
  ask: (path, options) => fetch(path, options),
  connect(path) {
    const address = new URL(path, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    return new WebSocket(address) as unknown as Socket;
  },
  link(path) {
    const address = new URL(location.href);
    address.search = ""; // where a token can stand
    address.hash = "";
    return new URL(path, address).href;
  },
};

let chosen = network;

/** Go another way from now on; what is left out stays as it is. */
export function goBy(other: Partial<Wire>): void {
  chosen = { ...chosen, ...other };
}

/** The way that the page goes. */
export const wire: Wire = {
  ask: (path, options) => chosen.ask(path, options),
  connect: (path) => chosen.connect(path),
  link: (path) => chosen.link(path),
};
