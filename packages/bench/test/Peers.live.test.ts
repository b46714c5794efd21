import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { basename, isAbsolute } from "node:path"
import { fileURLToPath } from "node:url"
import * as Comparison from "../src/calls/Comparison.js"
import * as Peers from "../src/calls/Peers.js"

const folder = fileURLToPath(new URL("../peers/", import.meta.url))
const { dependencies } = JSON.parse(readFileSync(`${folder}package.json`, "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>
}

describe("peers that are not installed", () => {
  it.live("are failed subjects, of whom one knows who they would be", () =>
    Effect.gen(function* () {
      // Where they stand, not where they are installed.
      const entries = Peers.entries
        .filter(({ file }) => isAbsolute(file))
        .map((entry) => ({ ...entry, file: folder + basename(entry.file) }))
      const subjects = yield* Comparison.open(entries, { command: "none", args: [] })
      expect(Comparison.measured(subjects).map(({ name }) => name)).toEqual(entries.map(({ name }) => name))
      for (const subject of subjects) {
        const { error } = subject.failed() ?? { error: "" }
        const missing =
          /Cannot find package '([^']+)' imported from \w+\.mjs|'(\.\/ai)' is not defined by "exports"/.exec(error)
        expect([subject.name, error, missing !== null]).toEqual([subject.name, error, true])
        if (missing?.[1] !== undefined) {
          expect(Object.keys(dependencies)).toContain(missing[1])
          expect(subject.measured?.version).toBe("not installed")
        }
        expect(subject.measured?.settings).not.toBe("")
      }
    }).pipe(Effect.scoped)
  )
})
