// The bundled recording: what the page shows until the engine answers. `tools/studio_recording.py`
// writes it: the message "configured", then frames, each with its length in front, the maps as
// differences from the frame before, all compressed by gzip.

import { decode } from "../engine/frame";
import type { Configured } from "../engine/messages";
import { picture, type Picture } from "../engine/picture";
import address from "./recorded.bin?url";

export interface Recording {
  readonly configured: Configured;
  /** In their order. */
  readonly pictures: readonly Picture[];
}

/** The recording; null where it cannot be read. */
export async function recording(): Promise<Recording | null> {
  try {
    const response = await fetch(address);
    if (!response.ok || !response.body) return null;
    const stream = response.body.pipeThrough(new DecompressionStream("gzip"));
    return readRecording(await new Response(stream).arrayBuffer());
  } catch {
    return null;
  }
}

/** Cut the parts apart, and add up the differences of the maps. */
export function readRecording(bytes: ArrayBuffer): Recording {
  const [text, ...frames] = parts(bytes);
  const configured = JSON.parse(new TextDecoder().decode(text)) as Configured;
  const pictures: Picture[] = [];
  for (const frame of frames) {
    const next = picture(decode(frame));
    const before = pictures.at(-1);
    next.layers.forEach((layer, k) => {
      before?.layers[k]?.heat.forEach((code, i) => {
        layer.heat[i] = ((layer.heat[i] ?? 0) + code) & 255;
      });
    });
    pictures.push(next);
  }
  return { configured, pictures };
}

function parts(bytes: ArrayBuffer): ArrayBuffer[] {
  const view = new DataView(bytes);
  const found: ArrayBuffer[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const length = view.getUint32(at, true);
    found.push(bytes.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return found;
}
