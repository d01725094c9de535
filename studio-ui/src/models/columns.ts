// A long chain of boxes is broken into columns, as a text is, so that the drawing fills the screen. It
// is broken only where a single line goes on: this line leads from the end of a column to the next.

export interface Placed {
  readonly width: number;
  readonly height: number;
  readonly rank: number;
  x: number;
  y: number;
}

export interface Column {
  readonly first: number;
  readonly last: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Between two columns, with room for a line. */
export const GAP = 56;
const MOST = 8;

/** Whether a chain may be broken after each rank: one line crosses, and it goes to the next rank. */
export function breaks(ranks: number, lines: readonly (readonly [number, number])[]): boolean[] {
  return Array.from({ length: Math.max(0, ranks - 1) }, (_, rank) => {
    const crossing = lines.filter(([from, to]) => from <= rank && to > rank);
    const only = crossing[0];
    return crossing.length === 1 && only !== undefined && only[0] === rank && only[1] === rank + 1;
  });
}

/**
 * The columns in which a drawing is shown largest in a room. Each rank has the room from `top` to
 * `bottom`; the first column begins with rank 0.
 */
export function columnsOf(rows: readonly Omit<Column, "first" | "last">[], isBreak: readonly boolean[], room: Size): Column[] {
  let best: Column[] = [];
  let largest = 0;
  for (let count = 1; count <= Math.min(MOST, rows.length); count++) {
    const columns = divided(rows, isBreak, count);
    if (columns.length < count) continue;
    const { width, height } = sizeOf(columns);
    const scale = Math.min(room.width / width, room.height / height, 1);
    // Another column must be worth the reader's jump.
    if (scale > 1.15 * largest) {
      best = columns;
      largest = scale;
    }
  }
  return best;
}

function divided(rows: readonly Omit<Column, "first" | "last">[], isBreak: readonly boolean[], count: number): Column[] {
  const top = rows[0]?.top ?? 0;
  const target = ((rows.at(-1)?.bottom ?? 0) - top) / count;
  const columns: Column[] = [];
  let first = 0;
  for (let rank = 0; rank < rows.length; rank++) {
    const begun = rows[first]?.top ?? 0;
    const isLast = rank === rows.length - 1;
    const [own, next] = [(rows[rank]?.bottom ?? 0) - begun, (rows[rank + 1]?.bottom ?? 0) - begun];
    const isFull = isBreak[rank] === true && columns.length < count - 1 && next - target > target - own;
    if (!isLast && !isFull) continue;
    const inside = rows.slice(first, rank + 1);
    columns.push({
      first,
      last: rank,
      left: Math.min(...inside.map((row) => row.left)),
      right: Math.max(...inside.map((row) => row.right)),
      top: begun,
      bottom: rows[rank]?.bottom ?? 0,
    });
    first = rank + 1;
  }
  return columns;
}

export function sizeOf(columns: readonly Column[]): Size {
  return {
    width: columns.reduce((sum, one) => sum + one.right - one.left, 0) + GAP * (columns.length - 1),
    height: Math.max(1, ...columns.map((one) => one.bottom - one.top)),
  };
}

/** By how much the boxes of each column move: the columns stand side by side, from the top. */
export function shifts(columns: readonly Column[], top: number): { dx: number; dy: number }[] {
  let left = columns[0]?.left ?? 0;
  return columns.map((one) => {
    const found = { dx: left - one.left, dy: top - one.top };
    left += one.right - one.left + GAP;
    return found;
  });
}
