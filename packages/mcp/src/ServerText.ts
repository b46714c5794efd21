/**
 * Makes text that a server wrote fit to stand in an error: configured secrets are hidden, control characters go, and
 * what is too long is cut. A value; nothing here is acquired.
 *
 * @since 0.1.0
 */

/**
 * Makes text fit to be shown.
 *
 * @since 0.1.0
 * @category models
 */
export type ServerText = (text: string) => string

/**
 * Hides `secrets` of at least 4 characters (`1`, `on` or `dev` protect nothing, and hiding them would make everything
 * else unreadable), also where they are escaped as in JSON, and keeps at most `length` characters. Default 4,000.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (secrets: ReadonlyArray<string>, length = 4000): ServerText => {
  const forms = secrets
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), secret.replace(/^\S+\s+(?=\S{8,}$)/, "")])
    .filter((form) => form.length >= 4)
    .sort((a, b) => b.length - a.length)
  const hide = (text: string) => forms.reduce((shown, form) => shown.replaceAll(form, "«redacted»"), text)
  return (text) => {
    // Before and after control characters go: a secret may hold some, or be cut up by them.
    const shown = hide(hide(text).replaceAll("\r\n", "\n").replace(unfit, ""))
    return shown.length <= length ? shown : `${shown.slice(0, length - 1)}…`
  }
}

// Escape sequences, every control character but tab and newline, and the marks that turn the direction of text around.
// eslint-disable-next-line no-control-regex
const unfit = /\u001b\[[0-9;?]*[ -/]*[@-~]|(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu
