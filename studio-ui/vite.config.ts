import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The page is built into the package, which serves it; `npm run dev` asks a running studio for data.
export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: {
    outDir: "../clearprop/studio/static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1000,
  },
  server: {
    fs: { allow: [".."] },
    proxy: { "/api": "http://127.0.0.1:8150", "/ws": { target: "ws://127.0.0.1:8150", ws: true } },
  },
  test: { include: ["src/**/*.test.ts"] },
});
