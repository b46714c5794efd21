import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { long } from "../live-last.js"
import { root } from "../processes.mjs"

describe("the order of the tests", () => {
  it("names files that there are", () => {
    const is = (name: string) => ["packages", ""].some((folder) => existsSync(join(root, folder, `${name}.test.ts`)))
    expect(long.filter((name) => !is(name))).toEqual([])
  })
})
