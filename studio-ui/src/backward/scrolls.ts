// A part that may be wider than its room can be scrolled by the keyboard, while it is.

import type { Attachment } from "svelte/attachments";

/** Take part in the order of the Tab key where the content is cut off; `name` is read out then. */
export function scrolls(name: string): Attachment<HTMLElement> {
  return (element) => {
    const look = () => {
      const isCut =
        element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1;
      if (isCut) {
        element.tabIndex = 0;
        element.setAttribute("role", "region");
        element.setAttribute("aria-label", name);
      } else {
        element.removeAttribute("tabindex");
        element.removeAttribute("role");
        element.removeAttribute("aria-label");
      }
    };
    const sizes = new ResizeObserver(look);
    const content = new MutationObserver(look);
    sizes.observe(element);
    content.observe(element, { childList: true, subtree: true, characterData: true });
    look();
    return () => {
      sizes.disconnect();
      content.disconnect();
    };
  };
}
