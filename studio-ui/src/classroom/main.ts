import { mount } from "svelte";

import "../../../clearprop/glass/templates/tokens.css";
import "../shell/base.css";
import { goBy } from "../engine/wire";
import Classroom from "./Classroom.svelte";
import { PageCopy } from "./copy";
import { embedded, firstAddress } from "./embedded";
import { answersOf } from "./kept_run";

const copy = new PageCopy(document);
const data = embedded(document);
if (location.hash.length < 2) history.replaceState(null, "", firstAddress(data));
if (data.run) goBy({ ask: answersOf(data.run) });
const target = document.getElementById("app");
if (target) mount(Classroom, { target, props: { data, copy } });
