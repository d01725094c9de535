// What the user gives in place of an example.

const LARGEST = 6_000_000;
const CHUNK = 0x8000;

/** A file in base64. Throws where it is larger than the server takes. */
export async function base64(file: Blob): Promise<string> {
  if (file.size > LARGEST) throw new Error("The file is larger than 6 MB: scale the picture down first.");
  return encoded(new Uint8Array(await file.arrayBuffer()));
}

/** Bytes in base64. */
export function encoded(bytes: Uint8Array): string {
  let text = "";
  for (let k = 0; k < bytes.length; k += CHUNK) text += String.fromCharCode(...bytes.subarray(k, k + CHUNK));
  return btoa(text);
}
