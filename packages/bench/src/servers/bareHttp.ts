/** The tool `echo` over HTTP, by hand: no sessions, answers as JSON. */
import { answer } from "./bareAnswer.js"
import { listen } from "./listen.js"

listen((request, response, body) => {
  if (request.method !== "POST") return response.writeHead(405).end()
  const text = answer(body)
  if (text === undefined) return response.writeHead(202).end()
  return response.writeHead(200, { "content-type": "application/json" }).end(text)
})
