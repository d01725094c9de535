// What runs in the cell of a notebook: it shows the page in a frame of its own, which keeps the
// styles and the address of both apart, and passes messages between the page and the kernel.

/** What a host of widgets gives (the interface of anywidget). */
interface Model {
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, callback: Callback): void;
  off(event: string, callback: Callback): void;
}

type Callback = (content: Told, buffers: readonly DataView[]) => void;

/** The page itself, which comes first, or what is for the page. */
type Told =
  | { readonly type: "page"; readonly home: string; readonly view: string; readonly height: number }
  | { readonly type: "other" };

/** A message with its buffers, as the page sends and gets it. */
export type Passed = readonly [content: Message, buffers: ArrayBuffer[]];

interface Message {
  readonly type: string;
  readonly id: string;
  readonly [name: string]: unknown;
}

/** The first message to the page; the port for all others comes with it. */
export interface Greeting {
  readonly greeting: "clearprop studio";
  readonly home: string;
}

const STYLE = `
  .clearprop-studio { font: 13px system-ui, sans-serif; padding-right: 2px; }
  .clearprop-studio iframe {
    box-sizing: border-box; width: 100%; border: 1px solid #8886; border-radius: 6px; resize: vertical;
  }
  .clearprop-studio p { display: flex; gap: 12px; justify-content: end; margin: 4px 0 0; }
  .clearprop-studio button { all: unset; cursor: pointer; text-decoration: underline; }
  .clearprop-studio button:focus-visible { outline: 2px solid; outline-offset: 2px; }
`;

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const box = document.createElement("div");
  box.className = "clearprop-studio";
  const style = document.createElement("style");
  style.textContent = STYLE;
  const frame = document.createElement("iframe");
  frame.title = "clearprop studio";
  frame.allow = "clipboard-write; fullscreen";
  box.append(style, frame);
  el.append(box);

  const { port1: own, port2: given } = new MessageChannel();
  let address = "";
  /** The connections of the page: when the cell goes, its page cannot close them any more. */
  const connections = new Set<string>();
  own.onmessage = ({ data: [content, buffers] }: MessageEvent<Passed>) => {
    if (content.type === "connect") connections.add(content.id);
    if (content.type === "leave") connections.delete(content.id);
    model.send(content, undefined, buffers);
  };
  const take = (told: Told, buffers: readonly DataView[]): void => {
    const copies = buffers.map(copied);
    if (told.type !== "page") own.postMessage([told, copies], copies);
    else if (!address && copies[0]) {
      const { home, view, height } = told;
      address = URL.createObjectURL(new Blob([copies[0]], { type: "text/html" }));
      frame.onload = () => {
        frame.onload = null;
        const greeting: Greeting = { greeting: "clearprop studio", home };
        frame.contentWindow?.postMessage(greeting, "*", [given]);
      };
      frame.style.height = `${height}px`;
      frame.src = address + view;
      box.append(bar(frame, home + view));
    }
  };
  model.on("msg:custom", take);
  model.send({ type: "page" });
  return () => {
    model.off("msg:custom", take);
    own.onmessage = null;
    own.postMessage([{ type: "gone" }, []]);
    own.close();
    for (const id of connections) model.send({ type: "leave", id });
    URL.revokeObjectURL(address);
  };
}

function bar(frame: HTMLIFrameElement, link: string): HTMLElement {
  const line = document.createElement("p");
  const whole = document.createElement("button");
  whole.textContent = "Full screen";
  whole.onclick = () => void frame.requestFullscreen();
  const tab = document.createElement("a");
  Object.assign(tab, { href: link, target: "_blank", rel: "noopener", textContent: "Open in a tab" });
  tab.title = "Works where the kernel runs on this machine.";
  line.append(whole, tab);
  return line;
}

function copied(view: DataView): ArrayBuffer {
  const copy = new Uint8Array(view.byteLength);
  copy.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return copy.buffer;
}

export default { render };
