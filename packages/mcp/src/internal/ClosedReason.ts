/** Why a connection has ended, for the errors of those who still hold it. */
import type { McpConnection } from "../McpConnection.js"

/** What has ended already says so at once. */
export const closedReason = (connection: McpConnection): string => {
  let said = "its connection has ended"
  connection.onClosed((reason) => {
    said = reason
  })
  return said
}
