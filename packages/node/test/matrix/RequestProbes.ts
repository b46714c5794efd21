import { type McpClient, McpCompletion } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import { type Probe, Unexpected } from "./Probe.js"

type Client = McpClient.McpClient["Type"]

/** What the server lists, and nothing where it has no such list: the method itself is to be refused then. */
const known = <A>(list: Effect.Effect<ReadonlyArray<A>, unknown>) =>
  Effect.orElseSucceed(list, (): ReadonlyArray<A> => [])

const prompts = (client: Client, name: string) => known(client.listPrompts(name))

/** Resources, prompts and completions, and what a server says of itself. */
export const requests: ReadonlyArray<Probe> = [
  { method: "info", run: (client, { name }) => client.info(name) },
  { method: "listResources", needs: "resources", run: (client, { name }) => client.listResources(name) },
  {
    method: "listResourceTemplates",
    needs: "resources",
    run: (client, { name }) => client.listResourceTemplates(name)
  },
  {
    method: "readResource",
    needs: "resources",
    run: (client, { name }) =>
      Effect.gen(function* () {
        const [resource] = yield* known(client.listResources(name))
        const { contents } = yield* client.readResource(name, resource?.uri ?? "none://listed")
        if (contents.length === 0) yield* new Unexpected({ what: "it holds nothing" })
      })
  },
  { method: "listPrompts", needs: "prompts", run: (client, { name }) => client.listPrompts(name) },
  {
    method: "getPrompt",
    needs: "prompts",
    run: (client, { name }) =>
      Effect.gen(function* () {
        const plain = (yield* prompts(client, name)).find((prompt) => prompt.arguments?.some(isRequired) !== true)
        const { messages } = yield* client.getPrompt(name, plain?.name ?? "none")
        if (messages.length === 0) yield* new Unexpected({ what: "no messages" })
      })
  },
  {
    method: "complete",
    needs: "completions",
    run: (client, { name }) =>
      Effect.gen(function* () {
        const all = yield* prompts(client, name)
        const [argument] = all.flatMap((prompt) =>
          (prompt.arguments ?? []).map((each) => ({ prompt: prompt.name, name: each.name }))
        )
        const { prompt, name: typed } = argument ?? { prompt: "none", name: "none" }
        yield* client.complete(name, McpCompletion.prompt(prompt), { name: typed, value: "" })
      })
  }
]

const isRequired = ({ required }: { readonly required?: boolean | undefined }) => required === true
