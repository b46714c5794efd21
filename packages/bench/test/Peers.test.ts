import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../peers/${name}`, import.meta.url), "utf8"))
const { dependencies } = read("package.json") as { readonly dependencies: Readonly<Record<string, string>> }
const { packages } = read("package-lock.json") as {
  readonly packages: Readonly<Record<string, { readonly dependencies?: object; readonly version?: string }>>
}

describe("the peers", () => {
  it("are pinned, in the lockfile as in the manifest", () => {
    expect(packages[""]?.dependencies).toEqual(dependencies)
    for (const [name, version] of Object.entries(dependencies)) {
      expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version])
    }
  })
})
