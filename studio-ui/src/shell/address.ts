// The state of the page in its address: "#/view?key=value". Whoever gets the address sees the same.

export interface Address {
  readonly view: string;
  readonly values: URLSearchParams;
}

export function parse(hash: string): Address {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { view: path || "playground", values: new URLSearchParams(query) };
}

export function write(address: Address): string {
  const query = address.values.toString();
  return `#/${address.view}${query ? `?${query}` : ""}`;
}

export function address(): Address {
  return parse(location.hash);
}

/** Change values of the address without an entry in the history; null removes one. */
export function remember(changes: Readonly<Record<string, string | null>>): void {
  const now = address();
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) now.values.delete(key);
    else now.values.set(key, value);
  }
  history.replaceState(null, "", write(now));
}

/** Call back when the user changes the address; returns how to stop. */
export function onAddress(changed: (now: Address) => void): () => void {
  const tell = () => changed(address());
  addEventListener("hashchange", tell);
  return () => removeEventListener("hashchange", tell);
}
