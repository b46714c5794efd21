/** The process of one subject in a scene. Arguments: the subject's file, the target and the settings as JSON. */
import * as Schema from "effect/Schema"
import { serve } from "../calls/Served.js"
import { Target } from "../calls/Subject.js"
import { Act } from "./Act.js"
import { type OpenCaller, Settings } from "./Caller.js"
import { Stage } from "./Stage.js"

const [file = "", target = "", settings = ""] = process.argv.slice(2)

await serve(async () => {
  // Each file in `subjects/` that a scene names exports a `caller`.
  const { caller } = (await import(`../subjects/${file}.js`)) as { readonly caller: OpenCaller }
  const whom = Schema.decodeUnknownSync(Schema.parseJson(Target))(target)
  const how = Schema.decodeUnknownSync(Schema.parseJson(Settings))(settings)
  const stage = new Stage(() => caller(whom, how))
  return {
    answer: (message) => stage.play(Schema.decodeUnknownSync(Act)(message)),
    close: () => stage.close()
  }
})
