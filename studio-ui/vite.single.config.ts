import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

import { lessons } from "./lessons_plugin.ts";

// Pages in one HTML file each, which need no server for their parts. The mode is the name of the page:
// `classroom` works from a disk, and `clearprop studio --export` writes data into it; `notebook` is
// the page in the cell of a notebook. They are built after the page, into the same folder.
export default defineConfig(({ mode }) => ({
  plugins: [svelte(), lessons(), viteSingleFile({ removeViteModuleLoader: true })],
  base: "./",
  build: {
    outDir: "../clearprop/studio/static",
    emptyOutDir: false,
    target: "es2022",
    rollupOptions: { input: `${mode}.html` },
  },
}));
