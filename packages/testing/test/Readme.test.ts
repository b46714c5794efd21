import { expect, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

it("the programs in the README are the tests in readme/, all of them and word for word", () => {
  const readme = readFileSync(path("../README.md"), "utf8")
  const shown = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1])
  const files = readdirSync(path("readme")).map((file) => readFileSync(path(`readme/${file}`), "utf8"))
  expect(shown.toSorted()).toEqual(files.toSorted())
})
