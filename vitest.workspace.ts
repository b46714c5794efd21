import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig, type ViteUserConfig } from "vitest/config"
import LiveLast from "./scripts/live-last.js"

/** The folder of the workspace. */
export const root = fileURLToPath(new URL(".", import.meta.url))
const names = readdirSync(`${root}packages`).filter((name) => existsSync(`${root}packages/${name}/package.json`))

// The seed of every property: the same each time, another with FC_SEED=…, a new one with FC_SEED=random.
const seed = process.env["FC_SEED"] ?? "42"
process.env["FC_SEED"] = seed === "random" ? String(Date.now() & 0x7fffffff) : seed

/** What holds for every test. */
export const settings = {
  resolve: {
    // Tests see the sources of every package, not its build.
    alias: names.map((name) => ({
      find: new RegExp(`^@mooring/${name}(?=/|$)`),
      // `npm run sabotage` puts another engine in the pool's place.
      replacement: (name === "pool" ? process.env["MOORING_POOL_SRC"] : undefined) ?? `${root}packages/${name}/src`
    }))
  },
  test: {
    reporters: ["default", `${root}scripts/tally-reporter.ts`],
    sequence: { sequencer: LiveLast },
    setupFiles: [`${root}scripts/vitest-setup.ts`],
    // Properties compute for seconds and live tests wait for real processes, on a machine that may be slow and busy: the
    // limit is there for what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { provider: "v8", include: ["packages/*/src/**/*.ts"], reporter: ["text-summary", "html"] }
  }
} satisfies ViteUserConfig

export default defineConfig({
  ...settings,
  test: {
    ...settings.test,
    projects: [...names.map((name) => `packages/${name}`), "scripts"].map((folder) => ({
      extends: true,
      test: {
        name: folder.replace("packages/", ""),
        root: root + folder,
        include: ["test/**/*.test.ts"],
        benchmark: { include: ["bench/**/*.bench.ts"] }
      }
    }))
  }
})
