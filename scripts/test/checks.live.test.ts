import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { sets } from "../aside.mjs"
import { check as arrows } from "../check-arrows.mjs"
import { check as docs } from "../check-docs.mjs"
import { check as lockfile } from "../check-lockfile.mjs"
import { check as style } from "../check-style.mjs"
import { root as workspace, run } from "../processes.mjs"

let root = ""
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mooring-checks-"))
  solution("pool", "pool/tsconfig.test.json", "mcp", "mcp/tsconfig.test.json", "testing", "testing/tsconfig.test.json")
  manifest("pool", { name: "@mooring/pool", peerDependencies: { effect: "^3" }, devDependencies: { vitest: "3" } })
  manifest("mcp", { name: "@mooring/mcp", dependencies: { "@mooring/pool": "workspace:^" } })
})
afterEach(() => rmSync(root, { force: true, recursive: true }))

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
const solution = (...projects: ReadonlyArray<string>): void =>
  write("packages/tsconfig.json", JSON.stringify({ files: [], references: projects.map((path) => ({ path })) }))
const manifest = (folder: string, content: object): void =>
  write(`packages/${folder}/package.json`, JSON.stringify(content))

describe("arrows between packages", () => {
  it("imports that follow the table are fine", () => {
    write("packages/pool/src/Pool.ts", `import * as Effect from "effect/Effect"\nexport * from "./Lease.js"`)
    write("packages/pool/test/Pool.test.ts", `import { it } from "vitest"\nimport { Pool } from "@mooring/pool"`)
    write("packages/mcp/src/McpPool.ts", `import type { Pool } from "@mooring/pool"`)
    expect(arrows(root)).toEqual([])
  })

  const refused: ReadonlyArray<readonly [what: string, file: string, code: string, problem: string]> = [
    ["an arrow that points back", "pool/src/A.ts", `import "@mooring/mcp"`, "points back"],
    ["an arrow that points back, as a type", "pool/src/A.ts", `type A = import("@mooring/mcp").A`, "points back"],
    ["an arrow that points back, from a test", "pool/test/A.test.ts", `import "@mooring/mcp"`, "points back"],
    ["a package that is not declared", "pool/src/A.ts", `export * from "zod"`, "not declared"],
    ["a package that only developers have", "pool/src/A.ts", `import { it } from "vitest"`, "devDependency"],
    ["a test, from a source", "pool/src/A.ts", `import "../test/B.js"`, "leaves src"],
    ["a file of another package", "mcp/src/A.ts", `import "../../pool/src/A.js"`, "by its name"],
    ["Node, in a package that runs anywhere", "mcp/src/A.ts", `await import("node:fs")`, "run anywhere"],
    ["Node without its prefix", "mcp/src/A.ts", `import "fs"`, "node:fs"],
    ["itself by its name", "pool/src/A.ts", `import "@mooring/pool"`, "import the file"]
  ]
  for (const [what, file, code, problem] of refused) {
    it(`a source may not import ${what}`, () => {
      write(`packages/${file}`, code)
      expect(arrows(root)).toEqual([expect.stringContaining(problem)])
      expect(arrows(root)[0]).toContain(`packages/${file}:1`)
    })
  }

  it("only the Node subpath of a package may need Node", () => {
    manifest("testing", { name: "@mooring/testing", dependencies: { "@mooring/mcp": "workspace:^" } })
    write("packages/testing/src/node/Spawn.ts", `import "node:child_process"`)
    write("packages/testing/src/node.ts", `export * from "./node/Spawn.js"`)
    expect(arrows(root)).toEqual([])
    write("packages/testing/src/index.ts", `export * from "./node.js"`)
    expect(arrows(root)).toEqual([expect.stringContaining("packages/testing/src/index.ts:1")])
  })

  it("a manifest may not declare an arrow that points back", () => {
    manifest("pool", { name: "@mooring/pool", devDependencies: { "@mooring/mcp": "workspace:^" } })
    expect(arrows(root)).toEqual([expect.stringContaining("may not depend on @mooring/mcp")])
  })

  it("a package that the type-check would not see is reported", () => {
    solution("pool", "mcp")
    expect(arrows(root)).toEqual([])
    write("packages/mcp/test/A.test.ts", "export const a = 1")
    expect(arrows(root)).toEqual([expect.stringContaining(`"mcp/tsconfig.test.json"`)])
  })

  it("a package without a row in the table is reported", () => {
    manifest("other", { name: "@mooring/other" })
    expect(arrows(root)).toEqual([expect.stringContaining("no row")])
  })
})

describe("style", () => {
  for (const code of [
    "Date.now()",
    "new Date()",
    "Math.random()",
    "setTimeout(() => {}, 1)",
    "globalThis.setInterval(() => {}, 1)",
    "console.log(1)",
    "process.env['HOME']"
  ]) {
    it(`a source without a reason may not say ${code}`, () => {
      write("packages/pool/src/A.ts", `import "effect"\nexport const a = ${code}`)
      expect(style(root)).toEqual([expect.stringMatching(/^packages\/pool\/src\/A\.ts:2: .* outside an edge/)])
      write("packages/pool/src/A.ts", `/**\n * An edge file: it says why.\n */\nexport const a = ${code}`)
      expect(style(root)).toEqual([])
    })
  }

  it("what stands in comments and strings is not code", () => {
    write("packages/pool/src/A.ts", `// Date.now()\nexport const a = "console.log(1)" /* setTimeout() */`)
    expect(style(root)).toEqual([])
  })

  for (const code of ["it.only('a')", "it.effect.skip('a')", "describe.todo('a')", "test.fails('a')"]) {
    it(`a test may not be ${code}`, () => {
      write("packages/pool/test/A.test.ts", code)
      expect(style(root)).toEqual([expect.stringContaining("every test runs")])
    })
  }
})

describe("lockfile", () => {
  it("an address is reported with its place", () => {
    write(".npmrc", "loglevel=silent\n")
    write("pnpm-workspace.yaml", "packages: []\n")
    write("pnpm-lock.yaml", "a: 1\nresolution: {integrity: x, tarball: https://example.com/a.tgz}\n")
    const aside = Object.values(sets).map(({ folder }) => `${folder}/package-lock.json`)
    for (const path of aside) {
      write(path, '{\n"url": "https://example.com/sponsor",\n"resolved": "https://example.com/a.tgz"\n}\n')
    }
    const places = ["pnpm-lock.yaml:2", ...aside.map((path) => `${path}:3`)]
    expect(lockfile(root)).toEqual(places.map((place): unknown => expect.stringContaining(place)))
  })
})

describe("circular imports", () => {
  it("a cycle through several files is refused, one of types only is not", async () => {
    solution() // a reference to a project that is not there would keep the linter from resolving imports
    write("packages/pool/src/A.ts", `import { b } from "./B.js"\nexport const a = (): number => b()\n`)
    write("packages/pool/src/B.ts", `export * from "./C.js"\nexport const b = (): number => 1\n`)
    write("packages/pool/src/C.ts", `import { a } from "./A.js"\nexport const c = (): number => a()\n`)
    write("packages/pool/src/D.ts", `import type { E } from "./E.js"\nexport interface D {\n  readonly e: E\n}\n`)
    write("packages/pool/src/E.ts", `import type { D } from "./D.js"\nexport interface E {\n  readonly d: D\n}\n`)
    const config = join(workspace, "scripts/oxlint.json")
    const { code, output } = await run(
      process.execPath,
      [join(workspace, "node_modules/oxlint/bin/oxlint"), "-c", config, "--format", "unix", "packages"],
      { cwd: root }
    )
    expect(code).not.toBe(0)
    for (const file of ["A.ts", "B.ts", "C.ts"]) expect(output).toContain(file)
    expect(output).not.toMatch(/[DE]\.ts/)
  })
})

describe("documented code", () => {
  let folder = ""
  beforeEach(() => {
    mkdirSync(join(workspace, "node_modules/.cache"), { recursive: true })
    folder = mkdtempSync(join(workspace, "node_modules/.cache/documented-"))
  })
  afterEach(() => rmSync(folder, { force: true, recursive: true }))

  it("an error is reported where the code stands, in a page and in a comment", async () => {
    write(
      "README.md",
      "# Title\n\n```ts\nimport { Effect } from 'effect'\nexport const a: Effect.Effect<string> = 1\n```\n"
    )
    write(
      "packages/pool/src/A.ts",
      "export const b = 1\n\n/**\n * Says.\n *\n * ```ts\n * export const c: string = 1\n * ```\n */\nexport const c = 1\n"
    )
    const problems = await docs(root, folder)
    expect(problems).toContainEqual(expect.stringMatching(/^README\.md:5:14: error TS2322/))
    expect(problems).toContainEqual(expect.stringMatching(/^packages\/pool\/src\/A\.ts:7:17: error TS2322/))
  })

  it("code that compiles is fine", async () => {
    write(
      "packages/pool/README.md",
      "```ts\nimport { Effect } from 'effect'\nexport const a = Effect.succeed(1)\n```\n"
    )
    expect(await docs(root, folder)).toEqual([])
  })
})
