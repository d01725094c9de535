(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const nodes = data.nodes;
  const graph = document.getElementById("graph");
  const panel = document.getElementById("panel");
  const boxes = [...graph.querySelectorAll(".box")];
  const boxOf = new Map(boxes.map((box) => [Number(box.dataset.node), box]));
  // The tab key stops once at each layer; inside a layer the arrow keys move.
  const firsts = new Set([...graph.querySelectorAll(".boxes")].map((each) => each.querySelector(".box")));
  let chosen = -1;

  // --- elements, in which data is text and never markup -----------------------------------------

  function make(tag, given = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // --- arrays ------------------------------------------------------------------------------------

  const FRACTIONS = 32000;
  const NEGATIVE = [[247, 247, 245], [164, 201, 230], [72, 137, 196], [21, 82, 145], [8, 40, 88]];
  const POSITIVE = [[247, 247, 245], [252, 205, 160], [244, 150, 79], [222, 104, 24], [176, 66, 6]];

  function numbersOf(part, limit) {
    if (part.numbers) return part.numbers.map((x) => (typeof x === "number" ? x : Number(x.replace("inf", "Infinity"))));
    const bytes = Uint8Array.from(atob(part.fractions), (sign) => sign.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Array.from({ length: bytes.length / 2 }, (_, i) => {
      const fraction = view.getInt16(2 * i, true);
      if (fraction === -32768) return NaN;
      if (Math.abs(fraction) === 32767) return fraction * Infinity;
      return (fraction / FRACTIONS) * limit;
    });
  }

  function color(x, limit) {
    if (!Number.isFinite(x)) return [128, 128, 128];
    const fraction = limit ? Math.min(1, Math.abs(x) / limit) : 0;
    const stops = x < 0 ? NEGATIVE : POSITIVE;
    const place = fraction * (stops.length - 1);
    const i = Math.min(Math.floor(place), stops.length - 2);
    return stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (place - i)));
  }

  function said(x) {
    if (Number.isNaN(x)) return "not a number";
    if (!Number.isFinite(x)) return x > 0 ? "infinite" : "minus infinite";
    return String(Number(x.toPrecision(4)));
  }

  function table(rows, columns, numbers, limit) {
    const body = make("tbody");
    for (let r = 0; r < rows; r++) {
      const line = make("tr");
      for (let c = 0; c < columns; c++) {
        const x = numbers[r * columns + c];
        const fraction = Number.isFinite(x) && limit ? Math.abs(x) / limit : 0;
        const kind = !Number.isFinite(x) ? "strange" : x < 0 ? "minus" : x > 0 ? "plus" : "";
        const cell = make("td", { class: kind + (fraction > 0.5 ? " strong" : ""), style: `--s:${(0.85 * fraction).toFixed(2)}` }, said(x));
        line.append(cell);
      }
      body.append(line);
    }
    return make("table", { class: rows === 1 ? "grid row" : "grid" }, body);
  }

  function canvas(part, numbers, limit, width, under, name) {
    // A long row is wrapped, because one line of a hundred units is hard to read.
    const wraps = part.rows === 1 && part.columns > 32;
    const columns = wraps ? 32 : part.columns;
    const rows = wraps ? Math.ceil(part.columns / 32) : part.rows;
    const drawn = make("canvas", { width: columns, height: rows, role: "img", "aria-label": name });
    const context = drawn.getContext("2d");
    const pixels = context.createImageData(columns, rows);
    numbers.forEach((x, i) => pixels.data.set([...color(x, limit), 255], 4 * i));
    context.putImageData(pixels, 0, 0);
    const cell = Math.max(1, Math.min(26, Math.floor(width / columns), Math.floor(420 / rows)));
    drawn.style.width = `${cell * columns}px`;
    drawn.addEventListener("mousemove", (event) => {
      const place = drawn.getBoundingClientRect();
      const c = Math.floor(((event.clientX - place.left) / place.width) * columns);
      const r = Math.floor(((event.clientY - place.top) / place.height) * rows);
      const i = r * columns + c;
      if (i >= 0 && i < numbers.length) {
        const where = wraps ? `${i}` : part.rows === 1 ? `${c}` : `${r}, ${c}`;
        under.textContent = `at ${where}: ${said(numbers[i])}`;
      }
    });
    return drawn;
  }

  function asText(parts) {
    return parts.map(({ part, numbers }) => {
      const lines = [];
      for (let r = 0; r < part.rows; r++) {
        lines.push(numbers.slice(r * part.columns, (r + 1) * part.columns).map(said).join("  "));
      }
      return lines.join("\n");
    }).join("\n\n");
  }

  function arrayOf(title, shown, shape) {
    const parts = shown.panels.map((part) => ({ part, numbers: numbersOf(part, shown.limit) }));
    const whole = `${title}${shape ? `, ${shape}` : ""}, full color at plus or minus ${said(shown.limit)}`;
    const under = make("p", { class: "under" }, shown.cut ? `shown: ${shown.cut} of ${shape}` : "");
    const heat = make("div", { class: "heat" });
    let isTable = false;
    for (const { part, numbers } of parts) {
      if (!numbers.length) continue;
      if (part.numbers && part.columns <= 10 && parts.length === 1) {
        heat.append(table(part.rows, part.columns, numbers, shown.limit));
        isTable = true;
      } else heat.append(canvas(part, numbers, shown.limit, parts.length > 1 ? 92 : 320, under, whole));
    }
    const box = make("div", { class: "array" }, make("h4", {}, title), heat);
    box.firstChild.append(make("span", { class: "aside" }, isTable ? "" : `full color at ±${said(shown.limit)}`));
    if (under.textContent || !isTable) box.append(under);
    if (shown.stats) {
      box.append(make("dl", { class: "stats" }, ...shown.stats.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text)))));
    }
    if (!isTable && parts.length) {
      const inside = make("pre", { tabindex: "0" });
      const more = make("details", { class: "as-numbers", ontoggle: () => { if (!inside.textContent) inside.textContent = asText(parts); } }, make("summary", {}, "as numbers"), inside);
      box.append(more);
    }
    return box;
  }

  // --- the chosen node ---------------------------------------------------------------------------

  function link(index) {
    return make("button", { type: "button", class: "link", onclick: () => choose(index, true) }, nodes[index].name);
  }

  function handed(node, given, i) {
    const source = given.node === undefined ? make("code", {}, given.constant) : link(given.node);
    const hand = make("div", { class: "hand" }, make("p", {}, `input ${i}: `, source));
    const arrays = make("div", { class: "two" });
    const shape = given.node === undefined ? "" : nodes[given.node].shape;
    if (given.panels) arrays.append(arrayOf("value", given, ""));
    if (given.local) arrays.append(arrayOf(`local derivative dy/dx${i}`, given.local, node.shape));
    if (given.row) arrays.append(arrayOf(`local derivative of y${given.row.of} by each entry`, given.row, shape));
    if (given.passed) arrays.append(arrayOf(given.local ? "product: error signal times local derivative" : "product with the error signal, handed back", given.passed, shape));
    if (arrays.childNodes.length) hand.append(arrays);
    else if (given.node !== undefined && data.whole) hand.append(make("p", { class: "note" }, "No error signal goes back to this input."));
    return hand;
  }

  function show(node) {
    const isLeaf = node.operation === "parameter" || node.operation === "input";
    const head = make("p", { class: "look" }, isLeaf ? "" : make("b", {}, node.operation), isLeaf ? "" : `, ${node.shape} ${node.dtype}. `, data.about[node.operation] || "", isLeaf ? ` ${node.shape} ${node.dtype}.` : "");
    const arrays = make("div", { class: "two" }, arrayOf("value", node.value, node.shape));
    if (node.error) arrays.append(arrayOf("error signal dE/dvalue", node.error, node.shape));
    else arrays.append(make("p", { class: "note" }, "There is no error signal here: these values are not real numbers."));
    const size = node.error ? node.error.stats.find(([name]) => name === "mean size")[1] : "";
    const toggle = make("button", { type: "button", class: "toggle", "aria-expanded": String(panel.classList.contains("open")), onclick: () => unfold(!panel.classList.contains("open")) }, "numbers");
    const title = make("div", { class: "panel-head" }, make("h2", { tabindex: "-1" }, node.name, make("span", { class: "aside brief" }, size && ` error signal ${size}`)), toggle);
    const parts = [title, head, arrays];
    if (node.check) parts.push(make("p", { class: "note" }, `By small steps of E: ${node.check}.`));
    if (node.why) parts.push(make("h3", {}, "Why its error signal has this size"), make("pre", { tabindex: "0" }, node.why));
    if (node.inputs.length) {
      parts.push(make("h3", {}, data.whole ? "What it reads, and what it passes back" : "What it reads"));
      node.inputs.forEach((given, i) => parts.push(handed(node, given, i)));
    }
    if (node.parameters.length) {
      parts.push(make("p", { class: "note" }, "with ", node.parameters.map(([key, text]) => `${key} = ${text}`).join(", ")));
    }
    if (node.users.length) {
      parts.push(make("h3", {}, node.users.length > 1 ? "Read by: its error signal is the sum of what they pass back" : "Read by"));
      parts.push(make("ul", { class: "users" }, ...node.users.map((user) => make("li", {}, link(user)))));
    }
    if (node.equations) parts.push(make("h3", {}, "Equations with these numbers"), make("pre", { tabindex: "0" }, node.equations));
    panel.replaceChildren(...parts);
    panel.scrollTop = 0;
  }

  // On a narrow screen the panel is one line at the bottom until a node is chosen.
  function unfold(open) {
    panel.classList.toggle("open", open);
    document.body.classList.toggle("panel-open", open);
    const toggle = panel.querySelector(".toggle");
    if (toggle) toggle.setAttribute("aria-expanded", String(open));
  }

  function choose(index, reveals, moves = true) {
    chosen = index;
    const node = nodes[index];
    const sources = new Set(node.inputs.map((given) => given.node));
    const users = new Set(node.users);
    for (const [i, box] of boxOf) {
      box.setAttribute("aria-pressed", String(i === index));
      const inGroup = box.parentElement === boxOf.get(index).parentElement;
      box.tabIndex = i === index || (firsts.has(box) && !inGroup) ? 0 : -1;
      box.classList.toggle("source", sources.has(i));
      box.classList.toggle("user", users.has(i));
    }
    show(node);
    if (reveals) {
      const box = boxOf.get(index);
      for (let up = box.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
      if (moves) {
        box.focus({ preventScroll: true });
        box.scrollIntoView({ block: "nearest" });
      }
    }
    try { history.replaceState(null, "", `#${encodeURIComponent(node.name)}`); } catch { /* a page from a string has no address */ }
    draw();
  }

  // --- edges -------------------------------------------------------------------------------------

  const svg = graph.querySelector(".edges");

  function seen(index) {
    const box = boxOf.get(index);
    let shown = box;
    for (let up = box.closest("details"); up; up = up.parentElement.closest("details")) {
      if (!up.open) shown = up.querySelector("summary code");
    }
    return shown;
  }

  function path(from, to, origin) {
    const a = from.getBoundingClientRect(), b = to.getBoundingClientRect();
    const besides = Math.abs(a.top - b.top) < 8 && a.right <= b.left + 4;
    if (besides && b.left - a.right > 40) {
      // Around the boxes between the two nodes, which do not belong to the edge.
      const [left, right] = [a.left + a.width * 0.6, b.left + b.width * 0.4].map((x) => (x - origin.left).toFixed(1));
      const [top, over] = [a.top - origin.top, a.top - origin.top - 16].map((y) => y.toFixed(1));
      return `M${left} ${top}C${left} ${over} ${right} ${over} ${right} ${top}`;
    }
    const [x1, y1] = besides ? [a.right, a.top + a.height / 2] : [a.left + a.width / 2, a.bottom];
    const [x2, y2] = besides ? [b.left, b.top + b.height / 2] : [b.left + b.width / 2, b.top];
    const bend = besides ? Math.max(8, (x2 - x1) / 2) : Math.min(60, Math.max(14, Math.abs(y2 - y1) / 2));
    const [p, q] = besides ? [[x1 + bend, y1], [x2 - bend, y2]] : [[x1, y1 + bend], [x2, y2 - bend]];
    const at = ([x, y]) => `${(x - origin.left).toFixed(1)} ${(y - origin.top).toFixed(1)}`;
    return `M${at([x1, y1])}C${at(p)} ${at(q)} ${at([x2, y2])}`;
  }

  function draw() {
    const origin = graph.getBoundingClientRect();
    const lines = [];
    const drawn = new Set();
    nodes.forEach((node, index) => {
      for (const given of node.inputs) {
        if (given.node === undefined) continue;
        const kind = index === chosen ? "into" : given.node === chosen ? "outof" : "";
        if (!kind && nodes.length > 500) continue;
        const from = seen(given.node), to = seen(index);
        const key = `${from === boxOf.get(given.node) ? given.node : from.textContent}>${to === boxOf.get(index) ? index : to.textContent}${kind}`;
        if (from === to || drawn.has(key)) continue;
        drawn.add(key);
        const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
        line.setAttribute("d", path(from, to, origin));
        if (kind) line.setAttribute("class", kind);
        kind ? lines.push(line) : lines.unshift(line);
      }
    });
    svg.replaceChildren(...lines);
  }

  // --- pointer and keys ----------------------------------------------------------------------------

  const isSeen = (box) => box.offsetParent !== null && !box.classList.contains("dim");

  function beside(box, key) {
    const shown = boxes.filter(isSeen);
    const place = shown.indexOf(box);
    if (key === "ArrowRight") return shown[place + 1];
    if (key === "ArrowLeft") return shown[place - 1];
    if (key === "Home") return shown[0];
    if (key === "End") return shown[shown.length - 1];
    const own = box.closest(".group");
    const down = key === "ArrowDown";
    const rest = down ? shown.slice(place + 1) : shown.slice(0, place).reverse();
    const other = rest.find((each) => each.closest(".group") !== own);
    return other && !down ? shown.find((each) => each.closest(".group") === other.closest(".group")) : other;
  }

  graph.addEventListener("click", (event) => {
    const box = event.target.closest(".box");
    if (!box) return;
    choose(Number(box.dataset.node), false);
    unfold(true);
  });
  graph.addEventListener("keydown", (event) => {
    const box = event.target.closest(".box");
    if (!box || event.altKey || event.ctrlKey || event.metaKey) return;
    const node = nodes[Number(box.dataset.node)];
    let next;
    if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") {
      const found = beside(box, event.key);
      next = found && Number(found.dataset.node);
    } else if (event.key === "i") next = (node.inputs.find((given) => given.node !== undefined) || {}).node;
    else if (event.key === "u") next = node.users[0];
    else return;
    event.preventDefault();
    if (next !== undefined) choose(next, true);
  });
  document.getElementById("find").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    boxes.forEach((box) => {
      const node = nodes[Number(box.dataset.node)];
      const fits = !wanted || node.name.toLowerCase().includes(wanted) || node.operation.includes(wanted);
      box.classList.toggle("dim", !fits);
    });
  });
  const all = (open) => graph.querySelectorAll("details").forEach((each) => { each.open = open; });
  document.getElementById("open-all").addEventListener("click", () => all(true));
  document.getElementById("close-all").addEventListener("click", () => all(false));
  graph.addEventListener("toggle", draw, true);
  addEventListener("resize", draw);
  new ResizeObserver(draw).observe(graph);

  const asked = decodeURIComponent(location.hash.slice(1));
  const place = (name) => nodes.findIndex((node) => node.name === name);
  const first = place(asked) >= 0 ? place(asked) : place(graph.dataset.opened);
  panel.classList.add("ready");
  choose(first, true, place(asked) >= 0);
})();
