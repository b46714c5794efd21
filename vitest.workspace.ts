import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL(".", import.meta.url))
const names = readdirSync(`${root}packages`, { withFileTypes: true }).filter((d) => d.isDirectory()).map((d) => d.name)

export default defineConfig({
  resolve: {
    alias: names.map((name) => ({ find: new RegExp(`^@mooring/${name}(?=/|$)`), replacement: `${root}packages/${name}/src` }))
  },
  test: {
    reporters: ["default", `${root}scripts/tally-reporter.ts`],
    coverage: { provider: "v8", include: ["packages/*/src/**/*.ts"], reporter: ["text-summary", "html"] },
    projects: names.map((name) => ({
      extends: true,
      test: {
        name,
        root: `${root}packages/${name}`,
        include: ["test/**/*.test.ts"],
        setupFiles: [`${root}scripts/vitest-setup.ts`],
        benchmark: { include: ["bench/**/*.bench.ts"] }
      }
    }))
  }
})
