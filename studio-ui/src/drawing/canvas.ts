// A canvas as sharp as the screen, and the page's colors for it.

import { createSubscriber } from "svelte/reactivity";

/** Fit a canvas to its size on the page; returns its context, scaled so that 1 is a CSS pixel. */
export function sharp(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const ratio = Math.min(3, devicePixelRatio || 1);
  const wide = Math.max(1, Math.round(width * ratio));
  const high = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

export interface Theme {
  readonly paper: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly panel: string;
  readonly blue: string;
  readonly orange: string;
  readonly plum: string;
  readonly dark: boolean;
}

const DARK = "(prefers-color-scheme: dark)";
const follow = createSubscriber(onTheme);

/** Call back when the page becomes light or dark; returns how to stop. */
function onTheme(changed: () => void): () => void {
  const query = matchMedia(DARK);
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
}

/** The colors that the style sheet has now; what is derived of them follows them to light and dark. */
export function theme(): Theme {
  follow();
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: of("paper"),
    ink: of("ink"),
    soft: of("soft"),
    line: of("line"),
    panel: of("panel"),
    blue: of("blue"),
    orange: of("orange"),
    plum: of("plum"),
    dark: matchMedia(DARK).matches,
  };
}
