// What the conformance suite says, read: which scenarios it has, and whether one of them passed. Values only.

/**
 * One thing that a scenario looked at, as the suite writes it down.
 *
 * @typedef {{
 *   readonly id: string
 *   readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO"
 *   readonly description: string
 *   readonly errorMessage?: string
 * }} Check
 */

/**
 * The client scenarios of a listing, apart: those to run, and those about authorization, which the suite keeps under
 * `auth/`.
 *
 * @param {string} listing
 */
export const scenarios = (listing) => {
  const all = [...listing.matchAll(/^ {2}- (\S+) \[/gm)].map(([, name = ""]) => name)
  return {
    wanted: all.filter((name) => !name.startsWith("auth/")),
    authorization: all.filter((name) => name.startsWith("auth/"))
  }
}

/**
 * What is wrong with a run: nothing if the suite and its checks say that all is well, and at least one of them that
 * something is. A warning is a failure, as it is to the suite.
 *
 * @param {number} code What the suite ended with.
 * @param {ReadonlyArray<Check> | undefined} checks What it left behind.
 * @returns {ReadonlyArray<string>}
 */
export const problems = (code, checks) => {
  if (checks === undefined) return [`the suite ended with ${code} and left no checks: it did not run the scenario`]
  const found = checks
    .filter(({ status }) => status === "FAILURE" || status === "WARNING")
    .map(({ description, errorMessage, id, status }) => `${status} ${id}: ${errorMessage ?? description}`)
  if (found.length > 0) return found
  if (code !== 0) return [`the suite ended with ${code}: the client failed, or was not done in time`]
  return passed(checks) > 0 ? [] : ["no check passed"]
}

/** @param {ReadonlyArray<Check>} checks */
export const passed = (checks) => checks.filter(({ status }) => status === "SUCCESS").length
