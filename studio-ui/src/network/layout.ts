// Where each unit stands: columns from the left to the right edge, features first; a long column is
// wrapped.

export interface Box {
  /** The center. */
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

export interface Column {
  readonly x: number;
  readonly width: number;
  readonly boxes: readonly Box[];
}

export interface Room {
  readonly width: number;
  readonly height: number;
  /** For the controls above the columns. */
  readonly top: number;
  /** For the names of the features. */
  readonly left: number;
  readonly right: number;
}

export const LARGEST = 42;
const SMALLEST = 8;
/** Part of a column that units may take; the rest is for the links. */
const SHARE = 0.56;

/** Place columns of so many units. */
export function layout(counts: readonly number[], room: Room): readonly Column[] {
  const [first, last] = [room.left + LARGEST / 2, room.width - room.right - LARGEST / 2];
  const width = Math.max(1, (last - first) / Math.max(1, counts.length - 1));
  return counts.map((units, k) => {
    const x = first + width * k;
    // The outer columns have only half of their width inside.
    const isOuter = k === 0 || k === counts.length - 1;
    return { x, width, boxes: column(units, x, isOuter ? Math.min(width * SHARE, LARGEST) : width * SHARE, room) };
  });
}

function column(units: number, x: number, width: number, room: Room): Box[] {
  const height = Math.max(1, room.height - room.top);
  const { size, wraps } = fitted(units, width, height);
  const gap = spacing(size);
  const rows = Math.ceil(units / wraps);
  // A short column is loose, so that its links can be told apart.
  const pitch = rows > 1 ? Math.min(size * 1.9, (height - size) / (rows - 1)) : 0;
  const first = room.top + (height - pitch * (rows - 1)) / 2;
  return Array.from({ length: units }, (_, i) => {
    const row = Math.floor(i / wraps);
    const inRow = Math.min(wraps, units - row * wraps);
    const across = (i % wraps) - (inRow - 1) / 2;
    return { x: x + across * (size + gap), y: first + row * pitch, size };
  });
}

/** The largest size at which all units fit, and how many stand side by side. */
function fitted(units: number, width: number, height: number): { size: number; wraps: number } {
  for (let size = LARGEST; size > SMALLEST; size--) {
    const gap = spacing(size);
    const rows = Math.floor((height + gap) / (size + gap));
    const across = Math.max(1, Math.floor((width + gap) / (size + gap)));
    if (rows > 0 && size <= width && rows * across >= units) {
      return { size, wraps: Math.ceil(units / rows) };
    }
  }
  return { size: SMALLEST, wraps: Math.max(1, Math.floor(width / (SMALLEST + 2))) };
}

function spacing(size: number): number {
  return Math.max(2, Math.round(size * 0.2));
}
