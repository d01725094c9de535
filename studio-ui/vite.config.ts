import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

import { lessons } from "./lessons_plugin.ts";

const STUDIO = "http://127.0.0.1:8150";

// The page is built into the package, which serves it; `npm run dev` asks a running studio for data.
export default defineConfig({
  plugins: [svelte(), lessons()],
  base: "./",
  build: {
    outDir: "../clearprop/studio/static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1000,
  },
  server: {
    fs: { allow: [".."] },
    // The studio answers to its own page only, so the proxy asks in its name.
    proxy: Object.fromEntries(
      ["/api", "/ws"].map((path) => [
        path,
        { target: STUDIO, changeOrigin: true, headers: { origin: STUDIO }, ws: path === "/ws" },
      ]),
    ),
  },
  test: { include: ["src/**/*.test.ts"] },
});
