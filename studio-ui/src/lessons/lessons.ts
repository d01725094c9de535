// The lessons of the documentation, and where the page shows what each is about.

const TEXTS = import.meta.glob<string>("../../../docs/lessons/*.md", { import: "default" });
const TITLES = import.meta.glob<string>("../../../docs/lessons/*.md", {
  query: "?title",
  import: "default",
  eager: true,
});

export interface Lesson {
  /** The name of its file. */
  readonly name: string;
  /** Of the systems of the course, where it begins. */
  readonly number: number;
  readonly title: string;
  /** An address of the page: what the lesson is about. */
  readonly shown: string;
}

/** By the beginning of a name. */
const SHOWN: Readonly<Record<string, string>> = {
  "01": "#/backward?page=gate",
  "02": "#/playground?data=gauss&layers=none",
  "04": "#/playground?data=xor&layers=4tanh",
  "05": "#/backward?page=2-2-1",
  "06": "#/playground?data=plane&layers=none&rate=0.003",
  "09": "#/models",
  "10": "#/playground?data=gauss&layers=none&loss=hinge",
  "11": "#/playground?data=gauss-plane&layers=12tanh",
  "12": "#/playground?noise=0.4&test=0.8&layers=12tanh,12tanh",
  "13": "#/playground?data=spiral&layers=8tanh,8tanh&features=x1,x2,sin(x1),sin(x2)&opt=adam&rate=0.01",
  "16": "#/models?source=recipe%3Aresnet20",
  "17": "#/vision",
  "18": "#/vision",
  "19": "#/models?source=recipe%3Aresnet20",
  "20": "#/vision",
  "21": "#/vision",
  "22": "#/sequence",
  "23": "#/sequence",
  "24": "#/sequence",
  "25": "#/sequence",
  "26": "#/models?source=recipe%3Ag2p",
  "29": "#/runs",
  "30": "#/runs",
  "31": "#/runs",
  "32": "#/runs",
  "33": "#/runs",
  "36": "#/sequence",
};

function lessonOf(path: string, title: string): Lesson {
  const name = nameOf(path);
  const start = name.slice(0, 2);
  return { name, number: Number(start), title, shown: SHOWN[start] ?? "" };
}

function nameOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.md.*$/, "");
}

export const LESSONS: readonly Lesson[] = Object.entries(TITLES)
  .map(([path, title]) => lessonOf(path, title))
  .sort((a, b) => a.name.localeCompare(b.name));

/** The HTML of a lesson, made from its text when the page is built. */
export async function textOf(lesson: Lesson): Promise<string> {
  const found = Object.entries(TEXTS).find(([path]) => nameOf(path) === lesson.name);
  return found ? found[1]() : "";
}
