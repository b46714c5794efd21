/**
 * What the commands have in common: the options that each gets, what each may use, and how each may fail.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { KnownError } from "../ErrorText.js"
import type { Output } from "../Output.js"
import type { Format } from "../Render.js"

/**
 * The options that every command gets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Common {
  readonly config: Option.Option<string>
  readonly output: Format
}

/**
 * The options of the commands that ask servers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asking extends Common {
  readonly partition: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export type Environment = Output | FileSystem.FileSystem | Path.Path

/**
 * A command that runs.
 *
 * @since 0.1.0
 * @category models
 */
export type Command = Effect.Effect<void, KnownError, Environment>
