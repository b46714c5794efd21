/** Keeps a number of calls under way: as many loops as there are calls at once, each beginning its next when one ends. */
import * as Effect from "effect/Effect"
import type { Client, Load } from "./Subject.js"

/** For clients whose calls are promises of a tool's result, of its content, or of the text in it. */
export const promises =
  (call: (text: string) => Promise<unknown>): Client["run"] =>
  async (load, took) => {
    const texts = textsOf(load)
    const loop = async () => {
      for (const text of texts) {
        const startedAt = load.timed ? performance.now() : 0
        const result = await call(text)
        if (load.timed) took((performance.now() - startedAt) * 1000)
        check(result, text)
      }
    }
    await Promise.all(Array.from({ length: load.atOnce }, loop))
  }

/** For clients whose calls are effects. */
export const effects = <E>(
  call: (text: string) => Effect.Effect<unknown, E>,
  runPromise: (effect: Effect.Effect<void, E>) => Promise<void>
): Client["run"] => {
  const loop = (load: Load, texts: Iterable<string>, took: (micros: number) => void) =>
    Effect.gen(function* () {
      for (const text of texts) {
        const startedAt = load.timed ? performance.now() : 0
        const result = yield* call(text)
        if (load.timed) took((performance.now() - startedAt) * 1000)
        check(result, text)
      }
    })
  return (load, took) => {
    const texts = textsOf(load)
    const loops = Array.from({ length: load.atOnce }, () => loop(load, texts, took))
    return runPromise(Effect.all(loops, { concurrency: "unbounded", discard: true }))
  }
}

/** The texts of a round, each given to one loop. No two are alike: an answer that went to another call is noticed. */
const textsOf = (load: Load): Iterable<string> & Iterator<string> => {
  let next = 0
  const filler = "x".repeat(load.bytes ?? 0)
  const textOf = (n: number): string => {
    const text = `message ${n}`
    return filler.length > text.length ? text + filler.slice(text.length) : text
  }
  const texts = {
    next: () =>
      next < load.calls ? { done: false as const, value: textOf(next++) } : { done: true as const, value: "" },
    [Symbol.iterator]: () => texts
  }
  return texts
}

/** Whether the tool's result is this text and nothing else. */
export const check = (result: unknown, text: string): void => {
  if (!isEcho(result, text)) throw new Error(`wrong answer to "${text}": ${JSON.stringify(result)}`)
}

const isEcho = (result: unknown, text: string): boolean => {
  const content = typeof result === "object" && result !== null && "content" in result ? result.content : result
  // Some give the only block by itself.
  const [block, ...more]: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content]
  if (more.length > 0) return false
  if (block === text) return true
  return typeof block === "object" && block !== null && "text" in block && block.text === text
}
