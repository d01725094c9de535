import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

// The classroom file: one HTML file that works from a disk, without a server and without a network.
// It is built after the page, into the same folder; `clearprop studio --export` writes data into it.
export default defineConfig({
  plugins: [svelte(), viteSingleFile({ removeViteModuleLoader: true })],
  base: "./",
  build: {
    outDir: "../clearprop/studio/static",
    emptyOutDir: false,
    target: "es2022",
    rollupOptions: { input: "classroom.html" },
  },
});
