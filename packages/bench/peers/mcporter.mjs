/** The runtime of `mcporter`, with one server that it is told of, not those that it would find on the machine. */

/** @type {import("../src/calls/Subject.js").About} */
export const about = {
  package: "mcporter",
  settings: "callTool of createRuntime; one connection, any number of calls"
}

/** @type {import("../src/calls/Subject.js").Subject["open"]} */
export const open = async (target) => {
  const { createRuntime } = await import("mcporter")
  const command =
    "url" in target
      ? { kind: /** @type {const} */ ("http"), url: new URL(target.url) }
      : { kind: /** @type {const} */ ("stdio"), command: target.command, args: [...target.args], cwd: process.cwd() }
  const runtime = await createRuntime({ servers: [{ name: "echo", command }] })
  await runtime.listTools("echo")
  return { call: (text) => runtime.callTool("echo", "echo", { args: { text } }), close: () => runtime.close() }
}
