// The sentence that explains a control: under the pointer, with the keyboard's focus, by a touch of
// its label, and read out by screen readers. One bubble serves the whole page.

import type { Attachment } from "svelte/attachments";

const DELAY = 350;
let bubble: HTMLElement | undefined;
let owner: Element | undefined;
let waiting = 0;
let count = 0;

/** Explain an element, or the control inside it. */
export function hint(text: string | null | undefined): Attachment<HTMLElement> {
  return (element) => {
    if (!text) return;
    const said = document.createElement("span");
    said.id = `hint-${count++}`;
    said.hidden = true;
    said.textContent = text;
    document.body.append(said);
    const control = element.matches(FOCUSABLE) ? element : element.querySelector(FOCUSABLE);
    control?.setAttribute("aria-describedby", said.id);

    const later = () => {
      clearTimeout(waiting);
      waiting = window.setTimeout(() => show(element, text), DELAY);
    };
    const leave = () => {
      clearTimeout(waiting);
      waiting = window.setTimeout(() => owner === element && hide(), 120);
    };
    const pointed = (event: PointerEvent) => event.pointerType === "mouse" && later();
    const focused = (event: Event) =>
      (event.target as Element).matches(":focus-visible") && !isTyping(event.target) && later();
    const touched = (event: PointerEvent) => {
      const isLabel = !(event.target as Element).closest(FOCUSABLE) || element.matches("[data-touch]");
      if (event.pointerType !== "mouse" && isLabel) show(element, text);
    };
    element.addEventListener("pointerenter", pointed);
    element.addEventListener("pointerleave", leave);
    element.addEventListener("focusin", focused);
    element.addEventListener("focusout", leave);
    element.addEventListener("pointerdown", hide);
    element.addEventListener("pointerup", touched);
    return () => {
      said.remove();
      if (owner === element) hide();
      control?.removeAttribute("aria-describedby");
      element.removeEventListener("pointerenter", pointed);
      element.removeEventListener("pointerleave", leave);
      element.removeEventListener("focusin", focused);
      element.removeEventListener("focusout", leave);
      element.removeEventListener("pointerdown", hide);
      element.removeEventListener("pointerup", touched);
    };
  };
}

const FOCUSABLE = "button, input, select, textarea, a[href], [tabindex]";

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && target.type === "text";
}

function show(element: Element, text: string): void {
  const shown = (bubble ??= make());
  owner = element;
  shown.textContent = text;
  shown.showPopover();
  const at = element.getBoundingClientRect();
  const size = shown.getBoundingClientRect();
  const edge = 8;
  const left = Math.max(edge, Math.min(at.left, innerWidth - size.width - edge));
  const below = at.bottom + 6;
  const top = below + size.height > innerHeight - edge ? at.top - size.height - 6 : below;
  shown.style.left = `${left}px`;
  shown.style.top = `${Math.max(edge, top)}px`;
}

function hide(): void {
  clearTimeout(waiting);
  owner = undefined;
  if (bubble?.matches(":popover-open")) bubble.hidePopover();
}

function make(): HTMLElement {
  const made = document.createElement("div");
  made.className = "hint";
  made.popover = "manual";
  made.setAttribute("aria-hidden", "true");
  // The bubble stays while the pointer is on it, so that it can be read at any magnification.
  made.addEventListener("pointerenter", () => clearTimeout(waiting));
  made.addEventListener("pointerleave", hide);
  document.body.append(made);
  window.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  window.addEventListener("pointerdown", (event) => {
    if (owner && !owner.contains(event.target as Node)) hide();
  });
  window.addEventListener("scroll", hide, true);
  return made;
}
