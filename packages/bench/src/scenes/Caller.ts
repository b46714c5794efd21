/**
 * What the scenes need of a subject besides its rounds: one call of the tool `echo`, whenever the scene wants it. A file in
 * `subjects/` that can do that exports its `caller`, or, where its client is for several servers, its `callers`.
 */
import type { Settings } from "../calls/Settings.js"
import type { Caller, Target } from "../calls/Subject.js"

export type OpenCaller = (target: Target, settings: Settings) => Promise<Caller>

/** Who calls several servers, each named by its place. */
export interface Callers {
  readonly call: (server: number, text: string) => Promise<unknown>
  /** Leaves nothing behind. */
  readonly close: () => Promise<void>
}

export type OpenCallers = (targets: ReadonlyArray<Target>, settings: Settings) => Promise<Callers>

/** A client for each server. */
export const apart =
  (open: OpenCaller): OpenCallers =>
  async (targets, settings) => {
    const callers = await Promise.all(targets.map((target) => open(target, settings)))
    return {
      call: (server, text) =>
        callers[server]?.call(text) ?? Promise.reject(new Error(`there are ${callers.length} servers`)),
      close: async () => {
        await Promise.all(callers.map((caller) => caller.close()))
      }
    }
  }
