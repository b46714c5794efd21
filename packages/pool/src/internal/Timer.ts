/** A deadline that calls one function. What there is one of for each lease or waiter is a deadline by itself. */
import type { Deadline } from "../Deadlines.js"

export class Timer implements Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  constructor(readonly onDeadline: () => void) {}
}
