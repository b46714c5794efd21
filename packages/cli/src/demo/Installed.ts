/**
 * Finds the programs of MCP servers that are installed beside this package. An edge file: it resolves modules.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { DemoError } from "../CliError.js"
import * as Package from "../Package.js"

const require = createRequire(join(Package.root, "package.json"))

/**
 * The script behind the first command of an npm package, for Node to run.
 *
 * @since 0.1.0
 * @category combinators
 */
export const script = (name: string): Effect.Effect<string, DemoError> =>
  Effect.try({
    try: () => {
      const manifest = require.resolve(`${name}/package.json`)
      const content: unknown = JSON.parse(readFileSync(manifest, "utf8"))
      const bin = Predicate.isRecord(content) ? content["bin"] : undefined
      const file = Predicate.isRecord(bin) ? Object.values(bin)[0] : bin
      if (!Predicate.isString(file)) throw new Error(`${manifest} has no "bin"`)
      return join(dirname(manifest), file)
    },
    catch: (cause) =>
      new DemoError({
        reason: `The demo needs the npm package ${name}, which is not installed beside mooring.`,
        hint: "Run it in a clone of the project: npm start",
        cause
      })
  })
