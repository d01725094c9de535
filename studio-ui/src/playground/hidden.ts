// Parts of the page that a teacher's link can hide: "hide=data,features" in the address.

export const PARTS = [
  { name: "data", title: "Examples", about: "Data sets, noise, test part, batch size and seed." },
  { name: "draw", title: "Drawing", about: "Points drawn by hand." },
  { name: "table", title: "Tables", about: "Learning from a table of one's own." },
  { name: "features", title: "Choice of features", about: "Switching features on and off." },
  { name: "layers", title: "Choice of layers", about: "Adding layers and units, and their activations." },
  { name: "settings", title: "Training settings", about: "Learning rate, optimizer, loss and the others." },
  { name: "steps", title: "Single steps", about: "Step by example, batch or epoch." },
  { name: "past", title: "Back and forks", about: "Going back, and continuing with another rate." },
  { name: "edit", title: "Changing weights", about: "Editing weights and biases by hand." },
  { name: "curves", title: "Learning curves", about: "Objective and errors over the epochs." },
  { name: "diagnosis", title: "Diagnosis", about: "What keeps the network from learning." },
  { name: "backward", title: "Backward pass", about: "Following the chosen example step by step." },
  { name: "code", title: "Copy as Python", about: "The program that does the same." },
] as const;

export type Part = (typeof PARTS)[number]["name"];

export function readHidden(text: string | null): ReadonlySet<Part> {
  const names = new Set((text ?? "").split(","));
  return new Set(PARTS.map((part) => part.name).filter((name) => names.has(name)));
}

export function writeHidden(parts: ReadonlySet<Part>): string | null {
  return PARTS.filter((part) => parts.has(part.name)).map((part) => part.name).join(",") || null;
}
