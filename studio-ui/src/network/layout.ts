// Where each unit stands: columns of equal width, features first; a long column is wrapped.

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
}

export const LARGEST = 42;
const SMALLEST = 8;
/** Part of a column that units may take; the rest is for the links. */
const SHARE = 0.56;

/** Place columns of so many units. */
export function layout(counts: readonly number[], room: Room): readonly Column[] {
  const width = (room.width - room.left) / Math.max(1, counts.length);
  return counts.map((units, k) => {
    const x = room.left + width * (k + 0.5);
    return { x, width, boxes: column(units, x, width, room) };
  });
}

function column(units: number, x: number, width: number, room: Room): Box[] {
  const height = Math.max(1, room.height - room.top);
  const { size, wraps } = fitted(units, width * SHARE, height);
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
