// What the view of any network shows: the network, one pass of it, what is open and what is chosen.

import { Loaded } from "../engine/loaded.svelte";
import { address, remember } from "../shell/address";
import { begin, graph, sources, type Headed, type Wanted } from "./api";
import type { BarKind, Statistics } from "./bars";
import type { PassShown } from "./headers";
import type { SourceList } from "./messages";
import { groupId, groupNumber, NetworkTree, ROOT, type ItemId } from "./tree";

/** A pass of more operations is made when it is asked for: it takes many seconds. */
const QUICK = 1.5e9;
const FIRST = "network:lenet5";
const MOST_KEPT = 80;

export interface ShownPass {
  readonly header: PassShown;
  readonly statistics: Statistics;
}

export class ModelsStore {
  readonly list = new Loaded<SourceList>();
  readonly network = new Loaded<NetworkTree>();
  readonly made = new Loaded<ShownPass>();
  source = $state("");
  open: ReadonlySet<ItemId> = $state.raw(new Set([ROOT]));
  chosen: ItemId | null = $state.raw(null);
  bars: BarKind = $state("error");
  /** What the last pass was asked for. */
  wanted: Wanted | null = $state.raw(null);
  /** Grows when the whole drawing is to be fitted to the screen. */
  fits = $state(0);
  /** Whether the graph is that of the pass and not that of the examples. */
  #hasOwn = false;

  get tree(): NetworkTree | null {
    return this.network.value?.graph.source.id === this.source ? this.network.value : null;
  }

  get pass(): ShownPass | null {
    return this.made.value?.header.source === this.source ? this.made.value : null;
  }

  get isSlow(): boolean {
    return (this.tree?.graph.groups[0]?.operations ?? 0) > QUICK;
  }

  async start(): Promise<void> {
    await this.list.ask((signal) => sources(signal));
    const asked = address().values.get("source");
    const known = this.list.value?.sources ?? [];
    const kept = known.find((one) => one.id === asked);
    const first = kept ?? known.find((one) => one.kind === "object" || one.kind === "run");
    await this.choose(first?.id ?? asked ?? FIRST, true);
  }

  /** Look at another network. */
  async choose(source: string, isFirst = false): Promise<void> {
    this.source = source;
    this.chosen = null;
    this.wanted = null;
    this.made.stop();
    this.made.problem = null;
    remember({ source, ...(isFirst ? {} : { example: null, at: null, open: null }) });
    this.#hasOwn = false;
    await this.network.ask(async (signal) => new NetworkTree(await graph(source, "", signal)));
    const tree = this.tree;
    if (!tree) return;
    const values = address().values;
    this.open = kept(values.get("open"), tree) ?? tree.firstOpen();
    const at = values.get("at");
    if (at) this.look(tree.find(at));
    this.fits += 1;
    const example = values.get("example");
    if (example !== null || !this.isSlow) await this.showExample(numberOf(example));
  }

  async showExample(example: number | "worst"): Promise<void> {
    await this.show({ source: this.source, example });
  }

  /** Make a pass. */
  async show(wanted: Wanted): Promise<void> {
    this.wanted = wanted;
    await this.made.ask(async (signal) => shown(await begin(wanted, signal)));
    await this.#fitGraph();
    const row = this.pass?.header.example ?? null;
    if (wanted === this.wanted && !this.made.problem) {
      remember({ example: row === null ? null : String(row) });
    }
  }

  /** Take the graph of the pass, where its input has another shape than the examples. */
  async #fitGraph(): Promise<void> {
    const [pass, before] = [this.pass?.header, this.tree];
    if (!pass || !before || (!pass.own_graph && !this.#hasOwn)) return;
    const name = pass.own_graph ? pass.pass_id : "";
    await this.network.ask(async (signal) => new NetworkTree(await graph(this.source, name, signal)));
    const now = this.tree;
    this.#hasOwn = pass.own_graph;
    if (!now || now === before) return;
    const same = (id: ItemId) => now.find(before.path(id));
    const open = [...this.open].map((id) => (id === ROOT ? ROOT : same(id))).filter((id) => id !== null);
    this.open = new Set(open);
    if (this.chosen !== null) this.chosen = same(this.chosen);
  }

  /** Choose an item; the groups around it are opened, so that it is seen. */
  look(id: ItemId | null): void {
    const tree = this.tree;
    this.chosen = id;
    if (!tree || id === null) {
      remember({ at: null });
      return;
    }
    const around = tree.around(id).filter((group) => !this.open.has(group) && tree.opens(group));
    if (around.length > 0) this.unfold([...this.open, ...around]);
    remember({ at: tree.path(id) });
  }

  /** Open a group, or fold it; what is chosen inside is then represented by the group. */
  toggle(id: ItemId): void {
    const tree = this.tree;
    if (!tree?.opens(id) || id === ROOT) return;
    const open = new Set(this.open);
    if (open.delete(id)) {
      if (this.chosen !== null && tree.around(this.chosen).includes(id)) this.chosen = id;
    } else open.add(id);
    this.unfold(open);
  }

  foldAll(): void {
    if (this.chosen !== null && this.tree) {
      const outer = this.tree.around(this.chosen)[1];
      this.chosen = outer ?? this.chosen;
    }
    this.unfold([ROOT]);
    this.fits += 1;
  }

  openAll(): void {
    if (!this.tree) return;
    this.unfold(this.tree.everyGroup());
    this.fits += 1;
  }

  unfold(open: Iterable<ItemId>): void {
    this.open = new Set(open);
    const numbers = [...this.open].filter((id) => id !== ROOT).map(groupNumber);
    const isAll = this.tree !== null && this.open.size === this.tree.everyGroup().size;
    const text = isAll ? "all" : numbers.length > MOST_KEPT ? null : numbers.join(".") || "none";
    remember({ open: text });
  }
}

function kept(text: string | null, tree: NetworkTree): Set<ItemId> | null {
  if (text === null) return null;
  if (text === "all") return tree.everyGroup();
  const numbers = text === "none" ? [] : text.split(".").map(Number);
  const known = numbers.map(groupId).filter((id) => tree.opens(id));
  return new Set([ROOT, ...known]);
}

function numberOf(text: string | null): number | "worst" {
  if (text === "worst") return text;
  const found = Number(text ?? 0);
  return Number.isInteger(found) && found >= 0 ? found : 0;
}

function shown({ header, frame }: Headed<PassShown>): ShownPass {
  const table = (name: string) => frame.arrays.get(name)?.data;
  const [value, error] = [table("value"), table("error")];
  if (!(value instanceof Float32Array) || !(error instanceof Float32Array)) {
    throw new TypeError("the frame of a pass has no statistics");
  }
  return { header, statistics: { value, error } };
}
