import { defineConfig } from "vite";

// What shows the page in the cell of a notebook: a module that a host of widgets imports.
export default defineConfig({
  build: {
    outDir: "../clearprop/studio/static",
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: "src/notebook/widget.ts", formats: ["es"], fileName: () => "widget.js" },
  },
});
