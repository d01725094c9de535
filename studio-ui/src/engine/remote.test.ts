import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { encode } from "./frame";
import { RemoteEngine } from "./remote";
import type { Socket } from "./wire";

class FakeSocket implements Socket {
  binaryType = "";
  readyState = 0;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;

  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.fall();
  }
  answer(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  fall(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

let sockets: FakeSocket[];
let states: string[];
let engine: RemoteEngine;
const newest = () => sockets.at(-1) as FakeSocket;

beforeEach(() => {
  vi.useFakeTimers();
  [sockets, states] = [[], []];
  engine = new RemoteEngine(() => {
    sockets.push(new FakeSocket());
    return newest();
  });
  engine.onState = (state) => states.push(state);
  engine.open();
});
afterEach(() => vi.useRealTimers());

test("trying again while it connects leaves one connection", () => {
  engine.retry();
  engine.retry();
  expect(sockets.map(({ readyState }) => readyState)).toEqual([3, 3, 0]);
  const found: unknown[] = [];
  engine.onAnswer = (answer) => found.push(answer.type);
  sockets[0]?.answer();
  sockets[0]?.onmessage?.({ data: '{"type":"script","source":"late"}' });
  expect(states).toEqual([]);
  newest().answer();
  newest().onmessage?.({ data: '{"type":"script","source":""}' });
  expect([states, found]).toEqual([["open"], ["script"]]);
  vi.advanceTimersByTime(60_000);
  expect(sockets.length).toBe(3);
});

test("requests go out as JSON, answers and frames come in", () => {
  const found: unknown[] = [];
  engine.onAnswer = (answer) => found.push(answer.type);
  engine.onFrame = (frame) => found.push(frame.fields["step"]);
  engine.ask({ type: "play" });
  newest().answer();
  engine.ask({ type: "play" });
  expect(newest().sent).toEqual(['{"type":"play"}']);
  newest().onmessage?.({ data: '{"type":"script","source":""}' });
  newest().onmessage?.({
    data: encode({ kind: "picture", fields: { step: 3 }, arrays: new Map() }),
  });
  expect(found).toEqual(["script", 3]);
});

test("a lost connection is made again, later each time", () => {
  newest().answer();
  newest().fall();
  expect(states).toEqual(["open", "lost"]);
  vi.advanceTimersByTime(399);
  expect(sockets.length).toBe(1);
  vi.advanceTimersByTime(1);
  expect(sockets.length).toBe(2);
  newest().fall();
  vi.advanceTimersByTime(700);
  expect(sockets.length).toBe(2);
  vi.advanceTimersByTime(20);
  expect(sockets.length).toBe(3);
  newest().answer();
  newest().fall();
  vi.advanceTimersByTime(400);
  expect(sockets.length).toBe(4);
});

test("a closed engine does not come back", () => {
  newest().answer();
  engine.close();
  vi.advanceTimersByTime(60_000);
  expect(sockets.length).toBe(1);
  expect(states).toEqual(["open", "closed"]);
});

test("trying again at once does not wait", () => {
  newest().fall();
  engine.retry();
  expect(sockets.length).toBe(2);
  vi.advanceTimersByTime(60_000);
  expect(sockets.length).toBe(2);
});
