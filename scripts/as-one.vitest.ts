import { defineConfig } from "vitest/config"
import { root, settings } from "../vitest.workspace.js"

/**
 * The tests of all packages as one project, where none of them is named. Vitest keeps projects apart: it transforms for
 * each what they share, starts workers anew for each, and where files share workers, not before those of the last project
 * have ended.
 */
export default defineConfig({
  ...settings,
  test: { ...settings.test, root, include: ["packages/*/test/**/*.test.ts", "scripts/test/**/*.test.ts"] }
})
