// The page in the cell of a notebook. It begins when its host has given it a port to the kernel.

import { mount } from "svelte";

import "../../../clearprop/glass/templates/tokens.css";
import "../shell/base.css";
import App from "../App.svelte";
import { goBy } from "../engine/wire";
import { PortWire } from "./port_wire";
import type { Greeting } from "./widget";

function begin(event: MessageEvent<Partial<Greeting>>): void {
  const [port] = event.ports;
  if (event.source !== parent || event.data.greeting !== "clearprop studio" || !port) return;
  removeEventListener("message", begin);
  goBy(new PortWire(port, event.data.home ?? ""));
  const target = document.getElementById("app");
  if (target) mount(App, { target });
}

addEventListener("message", begin);
