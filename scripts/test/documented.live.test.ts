import { transformSync } from "rolldown/utils"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { programs } from "../documented.mjs"
import { root, run, tools } from "../processes.mjs"

// Below node_modules, so that a program finds the built packages as it would beside the README.
const cache = join(root, "node_modules/.cache")
let folder = ""
beforeAll(() => {
  mkdirSync(cache, { recursive: true })
  folder = mkdtempSync(join(cache, "programs-"))
})
afterAll(() => rmSync(folder, { force: true, recursive: true }))

const lines = (text: string): ReadonlyArray<string> =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trimEnd())

describe("programs that the documentation shows", () => {
  const all = programs(root)

  it("the README shows a first program", () => {
    expect(all.filter(({ file, kind }) => file === "README.md" && kind === "run")).not.toEqual([])
  })

  for (const { code, file, kind, line, name, output } of all) {
    const at = `${file}:${line} (${name})`
    const script = transformSync(`${name}.ts`, code).code

    if (kind === "run") {
      it(`${at} prints what the page says`, async () => {
        const path = join(folder, `${name}.mjs`)
        writeFileSync(path, script)
        const ran = await run(process.execPath, [path])
        expect(lines(ran.output)).toEqual(lines(output))
        expect(ran.code).toBe(0)
      })
    } else {
      it(`${at} passes as a reader's own test`, async () => {
        const own = join(folder, name)
        mkdirSync(own)
        writeFileSync(join(own, "page.test.mjs"), script)
        writeFileSync(
          join(own, "vitest.config.mjs"),
          "export default { test: { exclude: [], include: ['*.test.mjs'] } }"
        )
        const [vitest = ""] = tools.vitest()
        const ran = await run(process.execPath, [join(root, vitest), "run", "--root", own])
        expect(ran.output).toContain("passed")
        expect(ran.code).toBe(0)
      })
    }
  }
})
