import { expect, it } from "@effect/vitest"
import * as Published from "../src/report/Published.js"

it("the charts and README's figures are those of results/latest.json: npm run bench -- --charts FILE", () => {
  expect(Published.stale()).toEqual([])
})
