// What part of the drawing is on the screen: pan and zoom.

export interface Viewport {
  /** The point of the drawing at the upper left corner of the screen. */
  readonly x: number;
  readonly y: number;
  /** Pixels for a unit of the drawing. */
  readonly scale: number;
}

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const SMALLEST = 0.02;
export const LARGEST = 3;
const LARGEST_FIT = 1.25;
const LARGEST_BEGUN = 0.9;
const EDGE = 24;

export function panned(view: Viewport, dx: number, dy: number): Viewport {
  return { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale };
}

/** Zoom so that a point of the screen stays where it is. */
export function zoomed(view: Viewport, factor: number, x: number, y: number): Viewport {
  const scale = Math.max(SMALLEST, Math.min(LARGEST, view.scale * factor));
  return {
    scale,
    x: view.x + x / view.scale - x / scale,
    y: view.y + y / view.scale - y / scale,
  };
}

/** Show a whole area, in the middle of the screen. */
export function fitted(area: Area, width: number, height: number, largest = LARGEST_FIT): Viewport {
  const across = Math.max(1, width - 2 * EDGE) / Math.max(1, area.width);
  const down = Math.max(1, height - 2 * EDGE) / Math.max(1, area.height);
  const scale = Math.max(SMALLEST, Math.min(largest, across, down));
  return {
    scale,
    x: area.x + area.width / 2 - width / 2 / scale,
    y: area.y + area.height / 2 - height / 2 / scale,
  };
}

/** Show the beginning of an area that is too tall to be read at once. */
export function begun(area: Area, width: number, height: number, least: number): Viewport {
  const whole = fitted(area, width, height);
  if (whole.scale >= least) return whole;
  const across = Math.max(1, width - 2 * EDGE) / Math.max(1, area.width);
  const scale = Math.max(least, Math.min(LARGEST_BEGUN, across));
  return { scale, x: area.x + area.width / 2 - width / 2 / scale, y: area.y - EDGE / scale };
}

/** Pan as little as shows an area; one that is larger than the screen shows its upper part. */
export function showing(view: Viewport, area: Area, width: number, height: number): Viewport {
  const edge = EDGE / view.scale;
  const [wide, high] = [width / view.scale, height / view.scale];
  const nearest = (at: number, from: number, size: number, room: number) => {
    if (size + 2 * edge > room) return from - edge;
    return Math.min(from - edge, Math.max(from + size + edge - room, at));
  };
  return {
    ...view,
    x: nearest(view.x, area.x, area.width, wide),
    y: nearest(view.y, area.y, area.height, high),
  };
}

export function isSeen(view: Viewport, area: Area, width: number, height: number): boolean {
  return (
    area.x < view.x + width / view.scale &&
    area.x + area.width > view.x &&
    area.y < view.y + height / view.scale &&
    area.y + area.height > view.y
  );
}
