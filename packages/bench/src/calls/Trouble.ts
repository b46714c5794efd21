/** Why a subject could not be measured, in words that can be shown and kept. */
import * as Data from "effect/Data"

/** What went wrong in a subject's process, or with it. */
export class Trouble extends Data.TaggedError("Trouble")<{
  /** What it said, whole. */
  readonly detail: string
}> {
  /** A few lines of it, without the places on this machine. */
  override get message(): string {
    return brief(this.detail)
  }
}

/** An error and what caused it, with their stacks. */
export const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error === "string" ? error : JSON.stringify(error)
  const text = error.stack ?? String(error)
  return error.cause === undefined ? text : `${text}\ncaused by ${describe(error.cause)}`
}

const lines = 3
const width = 300

/** What a process that has failed wrote last, from where it names an error: Node shows the code first. */
export const lastError = (text: string): string => {
  const all = text.trim().split("\n")
  const from = all.findIndex((line) => /^(Uncaught )?[\w.]*Error\b/.test(line))
  return all.slice(Math.max(0, from)).join("\n")
}

/** The first lines of an error that are neither its stack nor Node's farewell; a file is only its name. */
export const brief = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(at\s|Node\.js v)/.test(line))
    .slice(0, lines)
    .map((line) => line.replace(path, (_, name: string) => name).slice(0, width))
    .join("\n")

/** An absolute path or the URL of a file, but nothing within a word, a package's name or a web address. */
const path = /(?<![\w.:/@\\-])(?:file:\/\/)?(?:[A-Za-z]:)?(?:[\\/][^\\/\s'"`()<>,;:]+)*[\\/]([^\\/\s'"`()<>,;:]+)/g
