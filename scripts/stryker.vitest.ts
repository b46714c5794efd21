import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL("..", import.meta.url))
process.env["FC_SEED"] ??= "42"

/** The pool's tests alone, over its sources: what a mutant has to get past. */
export default defineConfig({
  resolve: { alias: [{ find: /^@mooring\/pool(?=\/|$)/, replacement: `${root}packages/pool/src` }] },
  test: {
    root: `${root}packages/pool`,
    include: ["test/**/*.test.ts"],
    exclude: ["test/**/*.live.test.ts", "test/upstream.test.ts", "test/lab.test.ts"],
    setupFiles: [`${root}scripts/vitest-setup.ts`]
  }
})
