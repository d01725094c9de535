import { afterEach, expect, test, vi } from "vitest";

import { PortWire } from "./port_wire";
import type { Passed } from "./widget";

type Sent = Record<string, unknown> & { readonly type: string; readonly id: string };

let kernel: MessagePort;
const sent: { readonly content: Sent; readonly buffers: ArrayBuffer[] }[] = [];

function begin(): PortWire {
  const { port1, port2 } = new MessageChannel();
  kernel = port1;
  sent.length = 0;
  kernel.onmessage = ({ data }: MessageEvent<Passed>) => sent.push({ content: data[0] as Sent, buffers: data[1] });
  return new PortWire(port2, "http://127.0.0.1:8150/?token=secret");
}

const tell = (content: unknown, buffers: ArrayBuffer[] = []) => kernel.postMessage([content, buffers]);
const arrived = (count: number) => expect.poll(() => sent.length).toBe(count);
const bytes = (text: string) => new TextEncoder().encode(text).buffer as ArrayBuffer;

afterEach(() => kernel.close());

test("a question gets its own answer, whatever the order", async () => {
  const wire = begin();
  const [one, two] = [wire.ask("api/one"), wire.ask("api/two?x=1")];
  await arrived(2);
  expect(sent.map(({ content }) => [content.type, content["method"], content["path"]])).toEqual([
    ["ask", "GET", "api/one"],
    ["ask", "GET", "api/two?x=1"],
  ]);
  const answer = { type: "answer", kind: "application/json" };
  tell({ ...answer, id: sent[1]?.content.id, status: 404 }, [bytes('{"k":2}')]);
  tell({ ...answer, id: sent[0]?.content.id, status: 200 }, [bytes('{"k":1}')]);
  expect(await (await one).json()).toEqual({ k: 1 });
  expect((await two).status).toBe(404);
});

test("a body travels with its kind", async () => {
  const wire = begin();
  const body = new Blob(["a,b\n"], { type: "text/csv" });
  const asked = wire.ask("api/tables", { method: "POST", body });
  await arrived(1);
  expect(sent[0]?.content["kind"]).toBe("text/csv");
  expect(new TextDecoder().decode(sent[0]?.buffers[0])).toBe("a,b\n");
  tell({ type: "answer", id: sent[0]?.content.id, status: 204, kind: "" });
  expect((await asked).status).toBe(204);
});

test("a question that is given up is answered by its reason", async () => {
  const wire = begin();
  const control = new AbortController();
  const asked = wire.ask("api/slow", { signal: control.signal });
  await arrived(1);
  control.abort();
  await expect(asked).rejects.toThrow("aborted");
  await arrived(2);
  expect(sent[1]?.content).toEqual({ type: "drop", id: sent[0]?.content.id });
  await expect(wire.ask("api/slow", { signal: control.signal })).rejects.toThrow("aborted");
});

test("a socket opens, talks, says that it has a frame, and closes", async () => {
  const wire = begin();
  const socket = wire.connect("ws/playground");
  const seen: unknown[] = [];
  socket.onopen = () => seen.push("open");
  socket.onmessage = ({ data }) => seen.push(data);
  socket.onclose = () => seen.push("closed");
  socket.send("too early");
  await arrived(1);
  const { id } = sent[0]?.content as Sent;
  tell({ type: "open", id });
  tell({ type: "text", id, text: "hello" });
  tell({ type: "text", id: "of another view", text: "hello" });
  tell({ type: "frame", id }, [bytes("frame")]);
  await arrived(2);
  expect(sent[1]?.content).toEqual({ type: "got", id });
  socket.send("{}");
  await arrived(3);
  expect(sent[2]?.content).toEqual({ type: "say", id, text: "{}" });
  expect(seen.slice(0, 2)).toEqual(["open", "hello"]);
  expect(new TextDecoder().decode(seen[2] as ArrayBuffer)).toBe("frame");
  const asked = wire.ask("api/slow");
  await arrived(4);
  tell({ type: "gone" });
  await expect(asked).rejects.toThrow("gone");
  await arrived(5);
  expect(sent[4]?.content).toEqual({ type: "leave", id });
  expect(seen[3]).toBe("closed");
  wire.connect("ws/playground");
  await expect(wire.ask("api/late")).rejects.toThrow("gone");
  expect(sent.length).toBe(5);
});

test("a page says that it is there while it has connections", async () => {
  vi.useFakeTimers();
  try {
    const wire = begin();
    vi.advanceTimersByTime(20_000);
    wire.connect("ws/runs");
    vi.advanceTimersByTime(20_000);
  } finally {
    vi.useRealTimers();
  }
  await arrived(2);
  const [connect, beat] = sent.map(({ content }) => content);
  expect(beat).toEqual({ type: "beat", id: "", ids: [connect?.id] });
});

test("a link leads to the studio without its token", () => {
  expect(begin().link("#/playground?data=xor")).toBe("http://127.0.0.1:8150/#/playground?data=xor");
});
