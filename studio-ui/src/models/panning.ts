// Pan by a drag, zoom by the wheel or by two fingers, and tell clicks from drags.

interface Doing {
  moved: (dx: number, dy: number) => void;
  zoomed: (factor: number, x: number, y: number) => void;
  clicked: (x: number, y: number) => void;
  /** The pointer of a mouse is here, without a button; null when it has left. */
  looked: (x: number | null, y: number | null) => void;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Pixels by which a pointer may move in a click. */
const STILL = 4;
const PER_PIXEL = 0.0016;
const PER_PINCH = 0.01;
const LINE = 16;

export class Panning {
  readonly #doing: Doing;
  readonly #pointers = new Map<number, Point>();
  #begun: Point | null = null;
  #isDrag = false;

  constructor(doing: Doing) {
    this.#doing = doing;
  }

  /** Listen to an element; returns how to stop. */
  listen(element: HTMLElement): () => void {
    const stop = new AbortController();
    const options = { signal: stop.signal };
    element.addEventListener("pointerdown", (event) => this.#down(event, element), options);
    element.addEventListener("pointermove", (event) => this.#move(event, element), options);
    element.addEventListener("pointerup", (event) => this.#up(event, element), options);
    element.addEventListener("pointercancel", (event) => this.#forget(event), options);
    element.addEventListener("pointerleave", () => this.#doing.looked(null, null), options);
    element.addEventListener("wheel", (event) => this.#wheel(event, element), { ...options, passive: false });
    return () => stop.abort();
  }

  #down(event: PointerEvent, element: HTMLElement): void {
    if (event.button !== 0) return;
    try {
      element.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is already gone, or was never one of this screen.
    }
    this.#pointers.set(event.pointerId, placed(event, element));
    if (this.#pointers.size === 1) {
      this.#begun = placed(event, element);
      this.#isDrag = false;
    } else this.#isDrag = true;
  }

  #move(event: PointerEvent, element: HTMLElement): void {
    const now = placed(event, element);
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.#doing.looked(now.x, now.y);
      return;
    }
    if (this.#begun && distance(now, this.#begun) > STILL) this.#isDrag = true;
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (!other) {
      if (this.#isDrag) this.#doing.moved(now.x - before.x, now.y - before.y);
      return;
    }
    // Two fingers: the middle moves the drawing, their distance zooms it.
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.#doing.moved((now.x - before.x) / 2, (now.y - before.y) / 2);
    const [old, apart] = [distance(before, other), distance(now, other)];
    if (old > 0 && apart > 0) this.#doing.zoomed(apart / old, middle.x, middle.y);
  }

  #up(event: PointerEvent, element: HTMLElement): void {
    const wasClick = this.#pointers.has(event.pointerId) && this.#pointers.size === 1 && !this.#isDrag;
    this.#forget(event);
    if (!wasClick) return;
    const { x, y } = placed(event, element);
    this.#doing.clicked(x, y);
  }

  #forget(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size === 0) this.#begun = null;
  }

  #wheel(event: WheelEvent, element: HTMLElement): void {
    event.preventDefault();
    const { x, y } = placed(event, element);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1;
    if (event.shiftKey) {
      this.#doing.moved(-(event.deltaX + event.deltaY) * lines, 0);
      return;
    }
    // Browsers send a pinch of a trackpad as a wheel with the control key.
    const per = event.ctrlKey ? PER_PINCH : PER_PIXEL;
    this.#doing.zoomed(Math.exp(-event.deltaY * lines * per), x, y);
  }
}

function placed(event: MouseEvent, element: HTMLElement): Point {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
