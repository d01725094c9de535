import MarkdownIt from "markdown-it";
import type { Plugin } from "vite";

const LESSON = /\/lessons\/([\w-]+)\.md(\?title)?$/;
const OTHER = /^([\w-]+)\.md(?:#.*)?$/;

// Text alone becomes HTML: markup in a lesson is shown as it is written.
const markdown = new MarkdownIt({ html: false });

// Long lines scroll, so the keyboard must reach them.
for (const kind of ["fence", "code_block"] as const) {
  markdown.renderer.rules[kind] = (tokens, index) => {
    const text = markdown.utils.escapeHtml(tokens[index]?.content ?? "");
    return `<pre tabindex="0"><code>${text}</code></pre>\n`;
  };
}

/**
 * Lets the page import the lessons of the documentation: `NAME.md` is its HTML, and `NAME.md?title`
 * its title. A link to another lesson becomes "#NAME"; a link to another page becomes text, and a
 * picture of it is left out.
 */
export function lessons(): Plugin {
  return {
    name: "lessons",
    enforce: "pre",
    transform(text, id) {
      const [, name, title] = LESSON.exec(id) ?? [];
      if (!name) return null;
      const found = /^# (.+)\n/.exec(text);
      if (!found) return this.error(`the lesson ${name} begins with no title`);
      const content = title ? found[1] : html(text.slice(found[0].length));
      return { code: `export default ${JSON.stringify(content)};`, map: null };
    },
  };
}

function html(text: string): string {
  const tokens = markdown.parse(text, {});
  for (const { children } of tokens) {
    let dropped = false;
    for (const token of children ?? []) {
      if (token.type === "image") {
        Object.assign(token, { type: "text", content: "", hidden: true });
      } else if (token.type === "link_open") {
        const target = String(token.attrGet("href"));
        const [, other] = OTHER.exec(target) ?? [];
        dropped = !other && !/^https?:/.test(target);
        if (other) token.attrSet("href", `#${other}`);
        else if (!dropped) {
          token.attrSet("target", "_blank");
          token.attrSet("rel", "noopener");
        }
        if (dropped) Object.assign(token, { type: "text", content: "" });
      } else if (token.type === "link_close" && dropped) {
        Object.assign(token, { type: "text", content: "" });
        dropped = false;
      }
    }
  }
  return markdown.renderer.render(tokens, markdown.options, {});
}
