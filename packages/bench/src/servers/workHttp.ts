/** The server whose work is known, over Streamable HTTP. It answers with streams of events, as the SDK does by itself. */
import { serve } from "./sessions.js"
import { counted, workServer } from "./work.js"

serve(
  async (transport) => {
    await workServer().connect(transport)
    counted(transport)
  },
  { enableJsonResponse: false }
)
