import type { McpClient } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import { answered } from "./CallProbes.js"
import { filled, type Probe, type Target, Unexpected } from "./Probe.js"

type Client = McpClient.McpClient["Type"]

const begin = (client: Client, { name, task }: Target) =>
  client.callToolTask(name, ...(task ?? (["none", {}] as const)))

/** The id of a task that is not done yet. Of a server that has no tasks, one that there is not. */
const running = (client: Client, target: Target) =>
  target.task === undefined ? Effect.succeed("none") : Effect.map(begin(client, target), ({ id }) => id)

/** Tools that run as tasks. */
export const tasks: ReadonlyArray<Probe> = [
  {
    method: "callToolTask",
    needs: "tasks.requests.tools.call",
    run: (client, target) => Effect.flatMap(begin(client, target), (task) => Effect.flatMap(task.result(), answered))
  },
  {
    method: "listTasks",
    needs: "tasks.list",
    run: (client, target) =>
      Effect.zipRight(running(client, target), Effect.flatMap(client.listTasks(target.name), filled))
  },
  {
    method: "getTask",
    needs: "tasks",
    run: (client, target) =>
      Effect.gen(function* () {
        const id = yield* running(client, target)
        const { taskId } = yield* client.getTask(target.name, id)
        if (taskId !== id) yield* new Unexpected({ what: taskId })
      })
  },
  {
    method: "cancelTask",
    needs: "tasks.cancel",
    run: (client, target) =>
      Effect.gen(function* () {
        const { status } = yield* client.cancelTask(target.name, yield* running(client, target))
        if (status !== "cancelled") yield* new Unexpected({ what: status })
      })
  }
]
