// What a view puts at the end of the header.

import type { Snippet } from "svelte";

let ends: Readonly<Record<string, Snippet>> = $state.raw({});

/** Put something there while the view is shown; returns how to take it away. */
export function putInHeader(view: string, end: Snippet): () => void {
  ends = { ...ends, [view]: end };
  return () => {
    const { [view]: _, ...others } = ends;
    ends = others;
  };
}

export function inHeader(view: string | undefined): Snippet | undefined {
  return view === undefined ? undefined : ends[view];
}
