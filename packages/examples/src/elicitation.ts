/** Elicitation in a terminal: a server asks for what it still needs to know, and a person fills in its form. */
import { NodeRuntime } from "@effect/platform-node"
import { ElicitationForm, McpClient, McpHandlers, McpTool } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Context, Effect, Layer, Schema } from "effect"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const Book = McpTool.make("book", { parameters: { ferry: Schema.String }, success: McpTool.text })

class Terminal extends Context.Tag("Terminal")<Terminal, (question: string) => Effect.Effect<string>>() {}
const open = Effect.sync(() => createInterface({ input: process.stdin, output: process.stdout }))
const TerminalLive = Layer.scoped(
  Terminal,
  Effect.map(
    Effect.acquireRelease(open, (lines) => Effect.sync(() => lines.close())),
    (lines) => (question) =>
      // A server that takes its request back takes the question off the screen.
      Effect.async((resume, signal) => lines.question(question, { signal }, (line) => resume(Effect.succeed(line))))
  )
)

const typed = (kind: ElicitationForm.Field["kind"], line: string) => {
  if (kind === "integer" || kind === "number") return Number(line)
  return kind === "boolean" ? /^y/i.test(line) : kind === "choices" ? line.split(/ *, */) : line
}

/** Asks for each field, once more from the start if it does not fit. What is left empty gets the form's default. */
const fillIn = (form: ElicitationForm.Form, clean: (text: string) => string) =>
  Effect.gen(function* () {
    const ask = yield* Terminal
    const content = new Map<string, ElicitationForm.Content[string]>()
    for (const { choices, kind, name, title, ...field } of ElicitationForm.fields(form)) {
      const among = choices.length === 0 ? "" : ` (${choices.map(({ value }) => value).join(", ")})`
      const line = yield* ask(`${clean(`${title}${among} [${field.default ?? ""}]`)}: `)
      if (line !== "") content.set(name, typed(kind, line))
    }
    return yield* ElicitationForm.complete(form, Object.fromEntries(content))
  }).pipe(
    Effect.tapError(({ reason }) => Console.log(clean(reason))),
    Effect.retry({ times: 3 })
  )

const Handlers = McpHandlers.layer({
  elicitation: {
    form: ({ message, requestedSchema }, { clean, server }) =>
      Console.log(`${server} asks: ${message}`).pipe(
        Effect.zipRight(fillIn(requestedSchema, clean)),
        Effect.match({ onFailure: () => McpHandlers.cancel, onSuccess: McpHandlers.accept })
      )
  }
}).pipe(Layer.provide(TerminalLive))

const program = Effect.flatMap(McpClient.McpClient, (mcp) => mcp.call("tickets", Book, { ferry: "night" }))

const tickets = { command: process.execPath, args: [fileURLToPath(new URL("servers/tickets.js", import.meta.url))] }
const MainLive = NodeMcp.layer({ servers: { tickets } }).pipe(Layer.provide(Handlers))

program.pipe(Effect.flatMap(Console.log), Effect.provide(MainLive), NodeRuntime.runMain)
