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

const model = (source: string) => `#/models?source=${encodeURIComponent(source)}`;
const text = (source: string) => `#/sequence?source=${encodeURIComponent(source)}`;
const runsOf = (recipe: string) => `#/runs?recipe=${recipe}`;

/** By the beginning of a name. */
const SHOWN: Readonly<Record<string, string>> = {
  "01": "#/backward?page=gate",
  "02": "#/playground?data=gauss&layers=none",
  "04": "#/playground?data=xor&layers=4tanh",
  "05": "#/backward?page=2-2-1",
  "06": "#/playground?data=plane&layers=none&rate=0.003",
  "09": model("network:lenet5"),
  "10": "#/playground?data=gauss&layers=none&loss=hinge",
  "11": "#/playground?data=gauss-plane&layers=12tanh",
  "12": "#/playground?noise=0.4&test=0.8&layers=12tanh,12tanh",
  "13": "#/playground?data=spiral&layers=8tanh,8tanh&features=x1,x2,sin(x1),sin(x2)&opt=adam&rate=0.01",
  "16": model("network:resnet20"),
  "17": "#/vision",
  "18": "#/vision",
  "19": model("network:resnet20"),
  "20": "#/vision",
  "21": "#/vision",
  "22": text("recipe:char-rnn"),
  "23": text("network:lstm"),
  "24": text("network:gru"),
  "25": text("network:gpt"),
  "26": model("network:transformer"),
  "29": runsOf("autoencoder"),
  "30": runsOf("som"),
  "31": runsOf("rbm"),
  "32": runsOf("gan"),
  "33": runsOf("dqn"),
  "36-captions": model("recipe:caption"),
  "36-classifying": model("recipe:text-classify"),
  "36-language": text("recipe:char-lstm"),
  "36-tagging": model("recipe:tagger"),
};

function lessonOf(path: string, title: string): Lesson {
  const name = nameOf(path);
  const shown = Object.entries(SHOWN).find(([start]) => name.startsWith(start))?.[1] ?? "";
  return { name, number: Number(name.slice(0, 2)), title, shown };
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
