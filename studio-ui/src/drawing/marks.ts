// Points of a picture: each class has a form beside its color.

/** Add the outline of a mark of class `k` to the path. */
export function mark(context: CanvasRenderingContext2D, k: number, x: number, y: number, r: number): void {
  switch (((k % 6) + 6) % 6) {
    case 0:
      context.moveTo(x + r, y);
      context.arc(x, y, r, 0, 2 * Math.PI);
      break;
    case 1:
      context.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
      break;
    case 2:
      polygon(context, x, y + 0.2 * r, 1.25 * r, 3, -Math.PI / 2);
      break;
    case 3:
      polygon(context, x, y, 1.25 * r, 4, 0);
      break;
    case 4:
      polygon(context, x, y - 0.2 * r, 1.25 * r, 3, Math.PI / 2);
      break;
    default:
      polygon(context, x, y, 1.15 * r, 6, 0);
  }
}

function polygon(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  r: number,
  corners: number,
  turn: number,
): void {
  for (let i = 0; i < corners; i++) {
    const angle = turn + (2 * Math.PI * i) / corners;
    const [px, py] = [x + r * Math.cos(angle), y + r * Math.sin(angle)];
    if (i === 0) context.moveTo(px, py);
    else context.lineTo(px, py);
  }
  context.closePath();
}
