import { expect, test } from "vitest";

import { decode, encode, type Frame } from "./frame";

// Written by Python: pack("picture", {"step": 3, "loss": nan}, {"bias": float32 [1.5, -2],
// "heat": uint8 [[1, 2], [3, 255]], "chosen": int32 [-7]}).
const PYTHON =
  "3gAAAHsia2luZCI6InBpY3R1cmUiLCJzdGVwIjozLCJsb3NzIjpudWxsLCJhcnJheXMiOlt7Im5hbWUiOiJiaWFzIi" +
  "wiZHR5cGUiOiJmbG9hdDMyIiwic2hhcGUiOlsyXSwib2Zmc2V0IjowfSx7Im5hbWUiOiJoZWF0IiwiZHR5cGUiOiJ1" +
  "aW50OCIsInNoYXBlIjpbMiwyXSwib2Zmc2V0Ijo4fSx7Im5hbWUiOiJjaG9zZW4iLCJkdHlwZSI6ImludDMyIiwic2" +
  "hhcGUiOlsxXSwib2Zmc2V0IjoxNn1dfQAAAAAAAAAAwD8AAADAAQID/wAAAAD5////AAAAAA==";

test("a frame is read as it was written", () => {
  const frame: Frame = {
    kind: "picture",
    fields: { step: 3, loss: null, about: "ü" },
    arrays: new Map([
      ["bias", { shape: [2], data: new Float32Array([1.5, -2]) }],
      ["heat", { shape: [1, 3], data: new Uint8Array([1, 2, 255]) }],
      ["chosen", { shape: [1], data: new Int32Array([-7]) }],
      ["none", { shape: [0, 4], data: new Float32Array(0) }],
    ]),
  };
  expect(decode(encode(frame))).toEqual(frame);
});

test("arrays that are parts of a buffer are written alone", () => {
  const all = new Float32Array([1, 2, 3, 4]);
  const frame: Frame = {
    kind: "picture",
    fields: {},
    arrays: new Map([["a", { shape: [2], data: all.subarray(1, 3) }]]),
  };
  expect(decode(encode(frame)).arrays.get("a")?.data).toEqual(new Float32Array([2, 3]));
});

test("a frame of Python is read", () => {
  const frame = decode(Uint8Array.from(atob(PYTHON), (sign) => sign.charCodeAt(0)).buffer);
  expect(frame.fields).toEqual({ step: 3, loss: null });
  expect(frame.arrays.get("bias")).toEqual({ shape: [2], data: new Float32Array([1.5, -2]) });
  expect(frame.arrays.get("heat")).toEqual({ shape: [2, 2], data: new Uint8Array([1, 2, 3, 255]) });
  expect(frame.arrays.get("chosen")).toEqual({ shape: [1], data: new Int32Array([-7]) });
});
