/**
 * What a client asks about prompts, and how the answers are read: as strictly as the SDK's schemas do, and by hand where
 * an answer is as usual. Values only; `McpClient` sends them.
 *
 * @since 0.1.0
 */
import {
  type GetPromptResult,
  type Prompt,
  type PromptMessage,
  PromptMessageSchema,
  PromptSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Predicate from "effect/Predicate"
import * as Answer from "./Answer.js"
import type { McpList, McpRequest } from "./McpRequest.js"

/**
 * The prompts that the server offers, with their arguments.
 *
 * @since 0.1.0
 * @category requests
 */
export const list: McpList<Prompt> = {
  method: "prompts/list",
  needs: "prompts",
  what: "prompts",
  most: (limits) => limits.entries,
  page: Answer.page("prompts", Answer.asSent(isUsual, PromptSchema), isUsual)
}

/**
 * The messages of a prompt, with its arguments filled in.
 *
 * @since 0.1.0
 * @category requests
 */
export const get = (name: string, args?: Readonly<Record<string, string>>): McpRequest<GetPromptResult> => ({
  method: "prompts/get",
  needs: "prompts",
  params: args === undefined ? { name } : { name, arguments: args },
  prompt: name,
  answer
})

const answer: Answer.Answer<GetPromptResult> = (result) => {
  const whole = Answer.object(result)
  if (whole instanceof Answer.Malformed) return whole
  if (!Answer.mayBeText(whole["description"])) return new Answer.Malformed("description: expected a string")
  const messages = Answer.each(whole["messages"], "messages", message)
  return messages instanceof Answer.Malformed ? messages : { ...whole, messages: [...messages] }
}

const message: Answer.Part<PromptMessage> = (input, place) => {
  // What is wrong with anything else, the schema says.
  if (!Predicate.isRecord(input) || !isRole(input["role"])) return bySchema(input, place)
  const content = Answer.block(input["content"], `${place}.content`)
  return content instanceof Answer.Malformed ? content : { ...input, role: input["role"], content }
}

const bySchema = Answer.part(PromptMessageSchema)

const isRole = (role: unknown): role is PromptMessage["role"] => role === "user" || role === "assistant"

/** Whether an entry is surely one: named, with plain arguments, and without icons or `_meta`. Hoisted, as `list` uses it. */
function isUsual(input: unknown): boolean {
  return (
    Predicate.isRecord(input) &&
    typeof input["name"] === "string" &&
    Answer.mayBeText(input["title"]) &&
    Answer.mayBeText(input["description"]) &&
    input["icons"] === undefined &&
    input["_meta"] === undefined &&
    (input["arguments"] === undefined || (Array.isArray(input["arguments"]) && input["arguments"].every(isArgument)))
  )
}

const isArgument = (input: unknown): boolean =>
  Predicate.isRecord(input) &&
  typeof input["name"] === "string" &&
  Answer.mayBeText(input["description"]) &&
  (input["required"] === undefined || typeof input["required"] === "boolean")
