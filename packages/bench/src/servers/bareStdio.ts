/** The tool `echo` over stdio, by hand: a chunk of lines in, their answers out in one write. Ends with its stdin. */
import { answer } from "./bareAnswer.js"

let rest = ""
process.stdin.setEncoding("utf8")
process.stdin.on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n")
  rest = lines.pop() ?? ""
  let answers = ""
  for (const line of lines) {
    const text = answer(line)
    if (text !== undefined) answers += `${text}\n`
  }
  if (answers !== "") process.stdout.write(answers)
})
process.stdin.once("end", () => process.exit(0))
