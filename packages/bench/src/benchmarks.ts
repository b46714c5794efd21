/** Every benchmark, in the order in which they run. */
import type { Benchmark } from "./Goal.js"
import { B1 } from "./goals/B1.js"
import { B10 } from "./goals/B10.js"
import { B2 } from "./goals/B2.js"
import { B9 } from "./goals/B9.js"
import { FreshCalls } from "./goals/FreshCalls.js"
import { HttpCalls } from "./goals/HttpCalls.js"
import { Scaling } from "./goals/Scaling.js"
import { StdioCalls } from "./goals/StdioCalls.js"

export const benchmarks: ReadonlyArray<Benchmark> = [B1, B2, StdioCalls, HttpCalls, FreshCalls, B9, B10, Scaling]
