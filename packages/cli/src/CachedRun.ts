/**
 * Stands for `Run.ts` in the bundle: loads the script that was made of it.
 *
 * @since 0.1.0
 */
import { fileURLToPath } from "node:url"
import * as CodeCache from "./CodeCache.js"
import type * as Run from "./Run.js"

/**
 * As in `Run.ts`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run: typeof Run.run = (argv, debug) => {
  const script = fileURLToPath(new URL("./run.cjs", import.meta.url))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- scripts/bundle.mjs makes it of Run.ts
  const loaded = CodeCache.load(script, argv[0] ?? "") as typeof Run
  loaded.run(argv, debug)
}
