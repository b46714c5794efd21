/**
 * `mooring demo`: runs the demo and prints what it found. Fails when anything in it was not right.
 *
 * @since 0.1.0
 */
import * as NodeCommandExecutor from "@effect/platform-node/NodeCommandExecutor"
import * as Effect from "effect/Effect"
import { DemoError } from "../CliError.js"
import * as Demo from "../demo/Demo.js"
import * as Plan from "../demo/Plan.js"
import * as Progress from "../demo/Progress.js"
import * as ReportText from "../demo/ReportText.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import type { Command, Common } from "./Command.js"

/** @since 0.1.0 @category commands */
export const run = (input: Pick<Common, "output"> & { readonly json: boolean }): Command =>
  Effect.gen(function* () {
    const output = yield* Output
    const report = yield* Effect.flatMap(Progress.make, (progress) => Demo.run(Plan.standard, progress)).pipe(
      Effect.scoped,
      Effect.provide(NodeCommandExecutor.layer)
    )
    const asJson = input.json || input.output === "json"
    yield* output.result(asJson ? Render.json(report) : ReportText.render(report))
    if (!report.ok)
      yield* new DemoError({
        reason: "The demo did not come to what it should have.",
        hint: report.problems.join("\n")
      })
  })
