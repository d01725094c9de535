// The network as a tree of items that folds: groups (calls of layers) and nodes (operations, inputs).

import type { GraphGroup, GraphNode, NetworkGraph } from "./messages";

/** A node by its number, or a group as -1 minus its number. */
export type ItemId = number;

export const isGroup = (id: ItemId): boolean => id < 0;
export const groupId = (group: number): ItemId => -1 - group;
export const groupNumber = (id: ItemId): number => -1 - id;

export const ROOT: ItemId = groupId(0);
const FEWEST_SHOWN = 7;

export class NetworkTree {
  readonly graph: NetworkGraph;
  /** The items inside each group, in the order of computation. */
  readonly children: ReadonlyMap<ItemId, readonly ItemId[]>;
  /** The nodes that read each node. */
  readonly users: readonly (readonly number[])[];
  /** The parameters that the nodes of each group are the first to read, by the number of the group. */
  readonly parameters: readonly (readonly number[])[];

  constructor(graph: NetworkGraph) {
    this.graph = graph;
    const children = new Map<ItemId, ItemId[]>(graph.groups.map((_, k) => [groupId(k), []]));
    const users: number[][] = graph.nodes.map(() => []);
    const parameters: number[][] = graph.groups.map(() => []);
    const added = new Set<ItemId>();
    graph.nodes.forEach((node, i) => {
      for (const given of node.inputs) users[given]?.push(i);
      if (node.operation === "parameter") {
        for (let g = node.group; g >= 0; g = graph.groups[g]?.parent ?? -1) parameters[g]?.push(i);
        return;
      }
      let item: ItemId = i;
      let around = node.group;
      children.get(groupId(around))?.push(item);
      // A group comes into its parent's list with its first node.
      for (item = groupId(around); around > 0 && !added.has(item); item = groupId(around)) {
        added.add(item);
        around = graph.groups[around]?.parent ?? 0;
        children.get(groupId(around))?.push(item);
      }
    });
    this.children = children;
    this.users = users;
    this.parameters = parameters;
  }

  node(id: ItemId): GraphNode | undefined {
    return this.graph.nodes[id];
  }

  group(id: ItemId): GraphGroup | undefined {
    return this.graph.groups[groupNumber(id)];
  }

  /** The group around an item; that of the root is the root. */
  parent(id: ItemId): ItemId {
    const group = isGroup(id) ? (this.group(id)?.parent ?? 0) : (this.node(id)?.group ?? 0);
    return groupId(Math.max(0, group));
  }

  /** The groups around an item, the whole pass first. */
  around(id: ItemId): ItemId[] {
    const found: ItemId[] = [];
    for (let at = id; at !== ROOT; ) {
      at = this.parent(at);
      found.unshift(at);
    }
    return found;
  }

  /** The item that stands for a node where only some groups are open. */
  shown(node: number, open: ReadonlySet<ItemId>): ItemId {
    return this.around(node).find((group) => !open.has(group)) ?? node;
  }

  /** The node whose numbers an item has: a group has those of its output. */
  nodeOf(id: ItemId): number {
    return isGroup(id) ? (this.group(id)?.output ?? 0) : id;
  }

  /** The groups that are open at first: only the whole pass, unless there is little to see in it. */
  firstOpen(): Set<ItemId> {
    const open = new Set([ROOT]);
    for (;;) {
      const visible = this.visible(open);
      const closed = visible.filter((id) => this.opens(id));
      if (visible.length >= FEWEST_SHOWN || closed.length === 0) return open;
      const size = (id: ItemId) => this.group(id)?.nodes ?? 0;
      open.add(closed.reduce((best, id) => (size(id) > size(best) ? id : best)));
    }
  }

  /** What is drawn as a box without a frame: nodes, and groups that are not open. */
  visible(open: ReadonlySet<ItemId>, from: ItemId = ROOT): ItemId[] {
    return (this.children.get(from) ?? []).flatMap((id) =>
      isGroup(id) && open.has(id) ? this.visible(open, id) : [id],
    );
  }

  /** Whether an item can be opened: a layer of one operation shows nothing more. */
  opens(id: ItemId): boolean {
    return isGroup(id) && (this.children.get(id)?.length ?? 0) > 1;
  }

  everyGroup(): Set<ItemId> {
    return new Set([ROOT, ...this.graph.groups.map((_, k) => groupId(k)).filter((id) => this.opens(id))]);
  }

  title(id: ItemId): string {
    if (isGroup(id)) return this.group(id)?.title ?? "";
    const node = this.node(id);
    if (!node) return "";
    const own = node.name.slice(node.name.lastIndexOf("/") + 1);
    return node.operation === "parameter" ? node.name : own.replace("#", " #");
  }

  kind(id: ItemId): string {
    return (isGroup(id) ? this.group(id)?.kind : this.node(id)?.operation) ?? "";
  }

  /** The whole path, for a search and for the details. */
  path(id: ItemId): string {
    if (!isGroup(id)) return this.node(id)?.name ?? "";
    const group = this.group(id);
    const call = group?.title.match(/ #\d+$/)?.[0] ?? "";
    return group?.path ? group.path + call : "the whole pass";
  }

  /** The shape of an item's output, without the batch of one. */
  shape(id: ItemId): string {
    const shape = this.node(this.nodeOf(id))?.shape ?? [];
    const own = shape.length > 1 && shape[0] === 1 ? shape.slice(1) : shape;
    return own.length > 0 ? own.join(" × ") : "one number";
  }

  parameterCount(id: ItemId): number {
    if (isGroup(id)) return this.group(id)?.parameters ?? 0;
    const node = this.node(id);
    return node?.operation === "parameter" ? node.shape.reduce((a, b) => a * b, 1) : 0;
  }

  operationCount(id: ItemId): number {
    return (isGroup(id) ? this.group(id)?.operations : this.node(id)?.operations) ?? 0;
  }

  /** The items that an item reads: nodes outside of it. */
  inputs(id: ItemId): number[] {
    const inside = isGroup(id) ? new Set(this.nodesIn(id)) : new Set([id]);
    const found = new Set<number>();
    for (const i of inside) for (const given of this.node(i)?.inputs ?? []) {
      if (!inside.has(given) && this.node(given)?.operation !== "parameter") found.add(given);
    }
    return [...found];
  }

  /** The nodes outside of an item that read what is inside. */
  readers(id: ItemId): number[] {
    const inside = isGroup(id) ? new Set(this.nodesIn(id)) : new Set([id]);
    const found = new Set<number>();
    for (const i of inside) for (const user of this.users[i] ?? []) if (!inside.has(user)) found.add(user);
    return [...found];
  }

  nodesIn(id: ItemId): number[] {
    if (!isGroup(id)) return [id];
    return (this.children.get(id) ?? []).flatMap((child) => this.nodesIn(child));
  }

  /** The item of a path as `path` writes it. */
  find(path: string): ItemId | null {
    const node = this.graph.nodes.findIndex((one) => one.name === path);
    if (node >= 0) return node;
    const group = this.graph.groups.findIndex((_, k) => k > 0 && this.path(groupId(k)) === path);
    return group >= 0 ? groupId(group) : null;
  }

  /** The items with these words in path or kind: first those with all in the path, groups before nodes. */
  search(words: string, most: number): ItemId[] {
    const wanted = words.toLowerCase().split(/\s+/).filter((word) => word);
    if (wanted.length === 0) return [];
    const fits = (id: ItemId) => {
      const text = `${this.path(id)} ${this.kind(id)}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    };
    const named = (id: ItemId) => wanted.every((word) => this.path(id).toLowerCase().includes(word));
    const groups = this.graph.groups.map((_, k) => groupId(k)).slice(1);
    const every = [...groups, ...this.graph.nodes.keys()].filter(fits);
    return [...every.filter(named), ...every.filter((id) => !named(id))].slice(0, most);
  }
}
