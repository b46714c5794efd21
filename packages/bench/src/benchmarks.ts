/** Every benchmark, in the order in which they run. */
import type { Benchmark } from "./Goal.js"
import { B1 } from "./goals/B1.js"
import { B10 } from "./goals/B10.js"
import { B11 } from "./goals/B11.js"
import { B2 } from "./goals/B2.js"
import { B6 } from "./goals/B6.js"
import { B7 } from "./goals/B7.js"
import { B8 } from "./goals/B8.js"
import { B9 } from "./goals/B9.js"
import { ColdStart } from "./goals/ColdStart.js"
import { FlakyCalls } from "./goals/FlakyCalls.js"
import { FreshCalls } from "./goals/FreshCalls.js"
import { HttpCalls } from "./goals/HttpCalls.js"
import { LargeMessages } from "./goals/LargeMessages.js"
import { OpenLoop } from "./goals/OpenLoop.js"
import { Scaling } from "./goals/Scaling.js"
import { SlowConnect } from "./goals/SlowConnect.js"
import { StdioCalls } from "./goals/StdioCalls.js"
import { Tracing } from "./goals/Tracing.js"

export const benchmarks: ReadonlyArray<Benchmark> = [
  B1,
  B2,
  StdioCalls,
  HttpCalls,
  FreshCalls,
  B6,
  B7,
  B8,
  B9,
  B10,
  B11,
  ColdStart,
  SlowConnect,
  FlakyCalls,
  OpenLoop,
  LargeMessages,
  Scaling,
  Tracing
]
