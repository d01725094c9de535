// Environments as pictures: the state of an episode at a moment, on a canvas of SCENE units.

import type { Theme } from "../drawing/canvas";

export const SCENE = { width: 640, height: 290 } as const;

type Paint = (context: CanvasRenderingContext2D, variables: ArrayLike<number>, colors: Theme) => void;

/** The track reaches from -2.4 to 2.4; the pole is drawn with its true angle and twice its length. */
const cartPole: Paint = (context, variables, colors) => {
  const [x = 0, , angle = 0] = Array.from(variables);
  const unit = SCENE.width / 5.2;
  const ground = SCENE.height - 25;
  const middle = SCENE.width / 2 + x * unit;
  line(context, colors.line, 2, [0, ground], [SCENE.width, ground]);
  for (const limit of [-2.4, 2.4]) {
    const edge = SCENE.width / 2 + limit * unit;
    line(context, colors.soft, 2, [edge, ground - 10], [edge, ground + 10]);
  }
  context.fillStyle = colors.ink;
  context.fillRect(middle - 30, ground - 25, 60, 21);
  const tip = [middle + 190 * Math.sin(angle), ground - 25 - 190 * Math.cos(angle)] as const;
  line(context, colors.orange, 10, [middle, ground - 25], tip);
};

const mountainCar: Paint = (context, variables, colors) => {
  const place = (x: number) => [((x + 1.2) / 1.8) * SCENE.width, 160 - 100 * Math.sin(3 * x)] as const;
  const way = Array.from({ length: 160 }, (_, i) => place(-1.2 + (1.8 * i) / 159));
  line(context, colors.soft, 3, ...way);
  const [fx, fy] = place(0.5);
  line(context, colors.ink, 3, [fx, fy], [fx, fy - 45]);
  context.fillStyle = colors.blue;
  context.beginPath();
  context.moveTo(fx, fy - 45);
  context.lineTo(fx + 25, fy - 35);
  context.lineTo(fx, fy - 25);
  context.fill();
  const [x, y] = place(Number(variables[0] ?? 0));
  dot(context, colors.orange, x, y - 15, 13);
};

const acrobot: Paint = (context, variables, colors) => {
  const [first = 0, bend = 0] = Array.from(variables);
  const unit = 62;
  const top = 145;
  const middle = SCENE.width / 2;
  const elbow = [middle + unit * Math.sin(first), top + unit * Math.cos(first)] as const;
  const second = first + bend;
  const tip = [elbow[0] + unit * Math.sin(second), elbow[1] + unit * Math.cos(second)] as const;
  line(context, colors.soft, 2, [middle - 200, top - unit], [middle + 200, top - unit]);
  line(context, colors.ink, 11, [middle, top], elbow);
  line(context, colors.orange, 11, elbow, tip);
  dot(context, colors.soft, middle, top, 7);
  dot(context, colors.soft, elbow[0], elbow[1], 7);
};

export const SCENES: Readonly<Record<string, Paint>> = {
  "CartPole-v1": cartPole,
  "MountainCar-v0": mountainCar,
  "Acrobot-v1": acrobot,
};

type Point = readonly [number, number];

function line(context: CanvasRenderingContext2D, color: string, width: number, ...points: Point[]): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  points.forEach(([x, y], i) => (i === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
  context.stroke();
}

function dot(context: CanvasRenderingContext2D, color: string, x: number, y: number, r: number): void {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.fill();
}
