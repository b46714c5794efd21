/**
 * Takes configured secrets, escape sequences and control characters out of text that a server wrote, so that it may
 * stand in an error, a log or a terminal. A value; nothing here is acquired.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"
import { stripVTControlCharacters } from "node:util"

/**
 * @since 0.1.0
 * @category models
 */
export interface Redaction {
  /** Text of any length, made fit to be shown. Line ends and tabs stay. */
  readonly apply: (text: string) => string
  /** How many characters at the end of `text` may be the beginning of a secret: where it must not be cut. */
  readonly partialAtEnd: (text: string) => number
}

/**
 * What stands in the place of a secret.
 *
 * @since 0.1.0
 * @category constants
 */
export const replacement = "«redacted»"

/**
 * Secrets shorter than this many characters are left as they are: `1`, `on` or `dev` protect nothing, and would make
 * every other text unreadable.
 *
 * @since 0.1.0
 * @category constants
 */
export const shortest = 4

/**
 * Hides the given secrets, and the forms in which a server may well repeat them: one line of several, the credential
 * behind its scheme (`Bearer …`), escaped as in JSON, encoded as in a URL.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (secrets: ReadonlyArray<string>): Redaction => {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length)
  const pattern = forms.length === 0 ? undefined : new RegExp(forms.map(escape).join("|"), "g")
  return {
    apply: (text) => {
      const plain = text.includes("\u001b") || text.includes("\u009b") ? stripVTControlCharacters(text) : text
      // Hidden both before and after control characters go: a secret may hold some, or be cut up by them.
      const hidden = pattern === undefined ? plain : plain.replace(pattern, replacement)
      const shown = hidden.replaceAll("\r\n", "\n").replace(unfit, "")
      return pattern === undefined ? shown : shown.replace(pattern, replacement)
    },
    partialAtEnd: (text) => {
      const longest = forms[0]?.length ?? 0
      let cut = Math.max(0, text.length - longest + 1)
      while (cut < text.length && !forms.some((form) => begins(form, text, cut))) cut++
      // A secret that repeats itself may begin again within a whole one, which must stay whole.
      for (const { 0: found, index } of pattern === undefined ? [] : text.matchAll(pattern)) {
        if (index < cut && cut < index + found.length) return text.length - index
      }
      return text.length - cut
    }
  }
}

/**
 * One line for an error message: redacted, white space collapsed, at most `length` characters (200).
 *
 * @since 0.1.0
 * @category combinators
 */
export const excerpt = (redaction: Redaction, text: string, length = 200): string => {
  // Only the beginning is looked at; a secret that is cut by it is cut off whole.
  const head = text.slice(0, 4 * length)
  const whole = head.length === text.length ? head : head.slice(0, head.length - redaction.partialAtEnd(head))
  const line = redaction.apply(whole).replace(/\s+/g, " ").trim()
  return line.length <= length ? line : `${line.slice(0, length - 1).trimEnd()}…`
}

// Every control character but tab and newline, and the marks that turn the direction of text around.
const unfit = /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu

/** Whether what follows `from` in the text is the beginning of `form`, and not all of it. */
const begins = (form: string, text: string, from: number): boolean =>
  form.length > text.length - from && form.startsWith(text.slice(from))

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

const formsOf = (secret: string): ReadonlyArray<string> => {
  const lines = secret.split(/\r?\n/).map((line) => line.trim())
  const credential = /^\S+\s+(\S{8,})$/.exec(secret.trim())?.[1] ?? ""
  return [secret, ...lines, credential]
    .flatMap((form) => [form, JSON.stringify(form).slice(1, -1), encodeURIComponent(Buffer.from(form).toString())])
    .filter((form) => form.length >= shortest)
}
