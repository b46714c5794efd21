import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import FastFirst from "./fast-first.js"

const root = fileURLToPath(new URL("..", import.meta.url))
process.env["FC_SEED"] ??= "42"
// The first list that fails is enough: nobody reads the smallest one.
process.env["FC_SHRINK"] ??= "no"

/** The pool's tests alone, over its sources: what a mutant has to get past. */
export default defineConfig({
  resolve: { alias: [{ find: /^@mooring\/pool(?=\/|$)/, replacement: `${root}packages/pool/src` }] },
  test: {
    root: `${root}packages/pool`,
    include: ["test/**/*.test.ts"],
    exclude: ["test/**/*.live.test.ts", "test/upstream.test.ts", "test/lab.test.ts"],
    setupFiles: [`${root}scripts/vitest-setup.ts`],
    // Effect is loaded once a run, not once a file. Stryker's own set-up must still run for each, wherever it lies.
    isolate: false,
    server: { deps: { inline: [/stryker-setup-\d+\.js$/] } },
    sequence: { sequencer: FastFirst },
    testTimeout: 30_000
  }
})
