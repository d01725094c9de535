// The bundled recording: what the page shows until the engine answers. `tools/studio_recording.py`
// writes it: frames one after the other, each with its length in front, the maps as differences
// from the frame before, all compressed by gzip.

import { decode } from "../engine/frame";
import { picture, type Picture } from "../engine/picture";
import address from "./recorded.bin?url";

/** The pictures of the recording, in their order; none where it cannot be read. */
export async function recording(): Promise<Picture[]> {
  try {
    const response = await fetch(address);
    if (!response.ok || !response.body) return [];
    const stream = response.body.pipeThrough(new DecompressionStream("gzip"));
    return frames(await new Response(stream).arrayBuffer());
  } catch {
    return [];
  }
}

/** Cut the frames apart, and add up the differences of their maps. */
export function frames(bytes: ArrayBuffer): Picture[] {
  const found: Picture[] = [];
  const view = new DataView(bytes);
  for (let at = 0; at < bytes.byteLength; ) {
    const length = view.getUint32(at, true);
    const next = picture(decode(bytes.slice(at + 4, at + 4 + length)));
    const before = found.at(-1);
    next.layers.forEach((layer, k) => {
      const last = before?.layers[k]?.heat;
      if (last) for (let i = 0; i < last.length; i++) layer.heat[i] = ((layer.heat[i] ?? 0) + (last[i] ?? 0)) & 255;
    });
    found.push(next);
    at += 4 + length;
  }
  return found;
}
