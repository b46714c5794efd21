import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Template from "../src/internal/Template.js"

const scope = (variables: Readonly<Record<string, string>> = {}): Template.Scope => ({
  variables: new Map(Object.entries(variables)),
  places: new Map([["userHome", "/home/ada"]]),
  inputs: new Map([
    ["with", "a default"],
    ["without", undefined]
  ])
})

const name = FastCheck.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/)
const text = FastCheck.string({ maxLength: 20, unit: "binary" })
/** Text in which nothing is a reference. */
const plain = text.map((value) => value.replaceAll("${", "$ {"))
const quote = (value: string) => value.replaceAll("${", () => "$${")

describe("expansion", () => {
  it.prop("text without references stays as it is", [plain], ([value]) => {
    expect(Template.expand(value, scope())).toEqual(Either.right(value))
  })

  it.prop(
    "any text can be written so that it means itself",
    [FastCheck.string({ unit: FastCheck.constantFrom("$", "{", "}", "A", ":", "-") })],
    ([value]) => {
      expect(Template.expand(quote(value), scope({ A: "x" }))).toEqual(Either.right(value))
    }
  )

  it.prop(
    "a variable is replaced by exactly its value, whatever stands in it",
    { name, value: text, before: plain, after: plain },
    ({ name, value, before, after }) => {
      FastCheck.pre(!before.endsWith("$"))
      for (const written of [`\${${name}}`, `\${env:${name}}`, `\${${name}:-other}`]) {
        const whole = before + written + after
        expect(Template.variablesIn(whole)).toEqual([name])
        expect(Template.expand(whole, scope({ [name]: value }))).toEqual(Either.right(before + value + after))
      }
    }
  )

  it.prop("a default stands for a variable that is not set", { name, otherwise: text }, ({ name, otherwise }) => {
    FastCheck.pre(!otherwise.includes("}"))
    expect(Template.expand(`\${${name}:-${otherwise}}`, scope())).toEqual(Either.right(otherwise))
    const reason = Template.expand(`\${${name}}`, scope())
    expect(Either.isLeft(reason) && reason.left.includes(`${name} is not set`)).toBe(true)
  })

  it("a variable that is set to nothing is set", () => {
    expect(Template.expand("[${A:-x}]", scope({ A: "" }))).toEqual(Either.right("[]"))
  })

  const cases: ReadonlyArray<readonly [string, Either.Either<string, string>]> = [
    ["${userHome}/x", Either.right("/home/ada/x")],
    ["${input:with}", Either.right("a default")],
    ["$A ${ $ {", Either.right("$A ${ $ {")],
    ["$${A}", Either.right("${A}")],
    ["${env:ProgramFiles(x86)}", Either.right("C:\\P")],
    ["${A}${A}", Either.right("12".repeat(2))]
  ]
  for (const [written, expected] of cases) {
    it(`${written} is ${Either.getOrElse(expected, (reason) => reason)}`, () => {
      expect(Template.expand(written, scope({ A: "12", "ProgramFiles(x86)": "C:\\P" }))).toEqual(expected)
    })
  }

  for (const written of [
    "${input:without}",
    "${input:other}",
    "${workspaceFolder}",
    "${}",
    "${1}",
    "${A%x}",
    "${env:}",
    "${config:a}"
  ]) {
    it(`${written} is refused`, () => {
      expect(Either.isLeft(Template.expand(written, scope({ A: "1", "1": "x" })))).toBe(true)
    })
  }
})
