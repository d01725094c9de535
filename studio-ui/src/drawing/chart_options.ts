// How a chart of curves looks: its axes, its lines and the places that are marked on it.

import type uPlot from "uplot";

import type { Theme } from "./canvas";
import { number } from "./numbers";

export interface ChartLine {
  readonly title: string;
  readonly color: string;
  readonly dash?: readonly number[];
  readonly width?: number;
  /** Not in the table of values. */
  readonly quiet?: boolean;
}

/** A place on the axis that is marked. */
export interface ChartMark {
  readonly x: number;
  readonly title: string;
}

export interface ChartLook {
  readonly width: number;
  readonly height: number;
  /** Without a pointer; its values begin at 0. */
  readonly small: boolean;
  readonly log: boolean;
  readonly lines: readonly ChartLine[];
  readonly marks: readonly ChartMark[];
  readonly paper: Theme;
  readonly shown: (y: number) => string;
  /** Called where the pointer is; with null where it is not. */
  readonly onpoint: (place: number | null) => void;
}

export function chartOptions(look: ChartLook): uPlot.Options {
  const { small, log, paper, shown } = look;
  const axis = {
    stroke: paper.soft,
    grid: { stroke: paper.line, width: 1 },
    ticks: { show: false },
    font: `${small ? 10 : 11}px system-ui, sans-serif`,
  };
  return {
    width: look.width,
    height: look.height,
    padding: small ? [6, 6, 0, 0] : [8, 10, 0, 0],
    legend: { show: false },
    cursor: small ? { show: false } : { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: (_, low, top) => (low === null || low === top ? [0, Math.max(1, top ?? 1)] : [low, top]) },
      y: log ? { distr: 3 } : { range: (_, low, top) => (small ? fromZero(low, top) : around(low, top)) },
    },
    axes: [
      { ...axis, size: small ? 18 : 20, gap: small ? 2 : 3, space: small ? 44 : 50, values: texts((x) => number(x, small ? 3 : 4)) },
      { ...axis, size: small ? 34 : 50, gap: small ? 3 : 5, space: small ? 24 : 28, values: texts(shown) },
    ],
    series: [
      {},
      ...look.lines.map((one) => ({
        stroke: one.color,
        width: one.width ?? 2,
        dash: [...(one.dash ?? [])],
        points: { show: (u: uPlot, k: number) => isSingle(u.data[k]), size: 5, fill: one.color },
      })),
    ],
    hooks: {
      setCursor: [(u) => look.onpoint(u.cursor.idx ?? null)],
      draw: [(u) => drawMarks(u, look)],
    },
  };
}

/** A tick without a number has no text: a logarithmic axis leaves some out. */
function texts(text: (x: number) => string): uPlot.Axis.DynamicValues {
  return (_, ticks) => ticks.map((x: number | null) => (x === null ? "" : text(x)));
}

/** A line of one point cannot be seen: its point is drawn. */
function isSingle(ys: uPlot.AlignedData[number] | undefined): boolean {
  let known = 0;
  for (let i = 0; i < (ys?.length ?? 0) && known < 2; i++) if (ys?.[i] != null) known++;
  return known === 1;
}

function fromZero(low: number | null, top: number | null): [number, number] {
  const most = top ?? 1;
  return [Math.min(0, low ?? 0), most > 0 ? most * 1.06 : 1];
}

function around(low: number | null, top: number | null): [number, number] {
  if (low === null || top === null) return [0, 1];
  const from = low >= 0 && low < 0.6 * top ? 0 : low;
  const room = 0.05 * (top - from) || Math.abs(top) * 0.1 || 1;
  return [from === 0 ? 0 : from - room, top + room];
}

function drawMarks(u: uPlot, { marks, paper }: ChartLook): void {
  const { ctx: context } = u;
  const ratio = devicePixelRatio || 1;
  context.save();
  context.strokeStyle = paper.soft;
  context.fillStyle = paper.soft;
  context.setLineDash([3 * ratio, 3 * ratio]);
  context.font = `${11 * ratio}px system-ui, sans-serif`;
  for (const one of marks) {
    const x = u.valToPos(one.x, "x", true);
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
    context.beginPath();
    context.moveTo(x, u.bbox.top);
    context.lineTo(x, u.bbox.top + u.bbox.height);
    context.stroke();
    const isRight = x > u.bbox.left + 0.7 * u.bbox.width;
    context.textAlign = isRight ? "right" : "left";
    context.fillText(one.title, x + (isRight ? -4 : 4) * ratio, u.bbox.top + 10 * ratio);
  }
  context.restore();
}
