/** Drives a generated run on the virtual clock, from its set-up to its last fiber, and says which laws it broke. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Pool, PoolError } from "@mooring/pool"
import type { ConnectRefused } from "./Behaviour.js"
import type { Command } from "./Command.js"
import type { Subject } from "./Caller.js"
import { Run, type Wait } from "./Run.js"
import type { Setup } from "./Setup.js"
import { activeFibers, Stage } from "./Stage.js"
import type { Thing } from "./Unit.js"
import { Spinning } from "./VirtualScheduler.js"
import type { Violation } from "./Violation.js"

export interface Outcome {
  readonly violations: ReadonlyArray<Violation>
  readonly trace: ReadonlyArray<string>
  readonly run: Run
}

export interface Driving {
  /** Lets everything expire before the pool is closed. Default false. */
  readonly quieten?: boolean | undefined
  /** The pool under test. Default: ours. */
  readonly make?: (
    options: Pool.PoolOptions<string, Thing, ConnectRefused, never>
  ) => Effect.Effect<Subject, PoolError.PoolConfigError, Scope.Scope>
  /** Whether wall time jumps where the commands say so. Default true. */
  readonly jumps?: boolean | undefined
}

export const runVirtually = (setup: Setup, commands: ReadonlyArray<Command>, driving: Driving = {}): Outcome => {
  const fibers = activeFibers()
  const stage = new Stage({ seed: setup.seed })
  if (driving.jumps === false) stage.clock.jumpWall = () => {}
  const run = driving.make === undefined ? new Run(stage, setup) : new Run(stage, setup, driving.make)
  const { verdict } = run.model
  const brief = () => run.rest(false)
  const drive = (waits: Generator<Wait, void, void>) => {
    for (const wait of waits) {
      if (wait === "rest") {
        stage.settle()
      } else {
        stage.advance(wait.millis, brief)
        stage.settle()
      }
      run.rest(true)
    }
  }
  try {
    drive(run.play(commands))
    if (driving.quieten === true) drive(run.quieten())
    drive(run.finish())
    stage.settle()
    verdict.expect(28, stage.clock.liveTimers === 0, () => `${stage.clock.liveTimers} timers are left`)
    const left = activeFibers() - fibers
    verdict.expect(28, left === 0, () => `${left} fibers are left`)
  } catch (error) {
    if (!(error instanceof Spinning)) throw error
    verdict.broken(12, error.message)
  }
  return { violations: verdict.violations, trace: run.model.trace, run }
}
