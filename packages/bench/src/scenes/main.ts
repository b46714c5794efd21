/** The process of one subject in a scene. Arguments: the subject's file, the targets and the settings as JSON. */
import * as Schema from "effect/Schema"
import { serve } from "../calls/Served.js"
import { Settings } from "../calls/Settings.js"
import { Target } from "../calls/Subject.js"
import { Act } from "./Act.js"
import { apart, type OpenCaller, type OpenCallers } from "./Caller.js"
import { Stage } from "./Stage.js"

const [file = "", targets = "", settings = ""] = process.argv.slice(2)

await serve(async () => {
  // Each file in `subjects/` that a scene names exports one of the two.
  const { caller, callers } = (await import(`../subjects/${file}.js`)) as {
    readonly caller?: OpenCaller
    readonly callers?: OpenCallers
  }
  const open = callers ?? (caller === undefined ? undefined : apart(caller))
  if (open === undefined) throw new Error(`subjects/${file} has no caller`)
  const whom = Schema.decodeUnknownSync(Schema.parseJson(Schema.Array(Target)))(targets)
  const how = Schema.decodeUnknownSync(Schema.parseJson(Settings))(settings)
  const stage = new Stage(() => open(whom, how), whom.length)
  return {
    answer: (message) => stage.play(Schema.decodeUnknownSync(Act)(message)),
    close: () => stage.close()
  }
})
