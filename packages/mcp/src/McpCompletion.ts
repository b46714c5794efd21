/**
 * What a client asks while somebody types an argument of a prompt, or a variable of a resource template, and how the
 * answer is read. Values only; `McpClient` sends them.
 *
 * @since 0.1.0
 */
import { type CompleteResult, CompleteResultSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Predicate from "effect/Predicate"
import * as Answer from "./Answer.js"
import type { McpRequest } from "./McpRequest.js"

/**
 * What is completed. See `prompt` and `resource`.
 *
 * @since 0.1.0
 * @category models
 */
export type Reference =
  | { readonly type: "ref/prompt"; readonly name: string }
  | { readonly type: "ref/resource"; readonly uri: string }

/**
 * The argument that is being typed, and what of it there is so far.
 *
 * @since 0.1.0
 * @category models
 */
export interface Argument {
  readonly name: string
  readonly value: string
}

/**
 * What the server suggests.
 *
 * @since 0.1.0
 * @category models
 */
export type Completion = CompleteResult["completion"]

/**
 * An argument of the prompt of this name.
 *
 * @since 0.1.0
 * @category constructors
 */
export const prompt = (name: string): Reference => ({ type: "ref/prompt", name })

/**
 * A variable of this resource template.
 *
 * @since 0.1.0
 * @category constructors
 */
export const resource = (uriTemplate: string): Reference => ({ type: "ref/resource", uri: uriTemplate })

/**
 * What the argument may become: at most 100 values. `context` are the arguments that have been chosen before it.
 *
 * @since 0.1.0
 * @category requests
 */
export const complete = (
  reference: Reference,
  { name, value }: Argument,
  context?: Readonly<Record<string, string>>
): McpRequest<Completion> => ({
  method: "completion/complete",
  needs: "completions",
  params: {
    ref: reference,
    argument: { name, value },
    ...(context === undefined ? {} : { context: { arguments: context } })
  },
  prompt: reference.type === "ref/prompt" ? reference.name : undefined,
  answer
})

const answer: Answer.Answer<Completion> = (result) => {
  const read = isUsual(result) ? result : bySchema(result)
  return read instanceof Answer.Malformed ? read : read.completion
}

const bySchema = Answer.fromSchema(CompleteResultSchema)

/** Whether it is surely a `CompleteResult`: at most 100 texts, and how many there are in all. */
const isUsual = (input: unknown): input is CompleteResult => {
  if (!Predicate.isRecord(input) || input["_meta"] !== undefined || !Predicate.isRecord(input["completion"]))
    return false
  const { hasMore, total, values } = input["completion"]
  return (
    Array.isArray(values) &&
    values.length <= 100 &&
    values.every(Predicate.isString) &&
    (total === undefined || Number.isSafeInteger(total)) &&
    (hasMore === undefined || typeof hasMore === "boolean")
  )
}
