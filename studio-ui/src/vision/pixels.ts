// Pictures of the user's own as bytes: from a drawing, a file, the clipboard.

import { encoded } from "../models/own";
import type { Pixels } from "../models/messages";

/** The longest side that is sent: what is fitted to 28 x 28 pixels needs no more. */
const LARGEST = 320;

export class NoPicture extends Error {}

/** A file as bytes with 1 or 3 channels, upright, scaled down, on white where it is transparent. */
export async function pixelsOf(file: Blob, channels: number): Promise<Pixels> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new NoPicture("This is no picture that the browser can read. A PNG or JPEG file is expected.");
  }
  const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const [wide, high] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(wide ?? 1, high ?? 1);
  const context = canvas.getContext("2d");
  if (!context) throw new NoPicture("The browser cannot draw this picture.");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return bytesOf(context.getImageData(0, 0, canvas.width, canvas.height), channels);
}

/** The bytes of some pixels, as gray or as colors. */
export function bytesOf({ data, width, height }: ImageData, channels: number): Pixels {
  const bytes = new Uint8Array(width * height * channels);
  for (let k = 0; k < width * height; k++) {
    const [red, green, blue] = [data[4 * k] ?? 0, data[4 * k + 1] ?? 0, data[4 * k + 2] ?? 0];
    if (channels === 1) bytes[k] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    else bytes.set([red, green, blue], 3 * k);
  }
  return { shape: [height, width, channels], data: encoded(bytes) };
}

/** The first picture among what was dropped or pasted; null where there is none. */
export function pictureIn(transfer: DataTransfer | null): File | null {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;
}
