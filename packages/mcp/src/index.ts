/** @since 0.1.0 */
export * as Answer from "./Answer.js"
/** @since 0.1.0 */
export * as CallUpdate from "./CallUpdate.js"
/** @since 0.1.0 */
export * as CarrierErrors from "./CarrierErrors.js"
/** @since 0.1.0 */
export * as Catalogue from "./Catalogue.js"
/** @since 0.1.0 */
export * as ClientInfo from "./ClientInfo.js"
/** @since 0.1.0 */
export * as ConfigChange from "./ConfigChange.js"
/** @since 0.1.0 */
export * as ConfigIssue from "./ConfigIssue.js"
/** @since 0.1.0 */
export * as CurrentPartition from "./CurrentPartition.js"
/** @since 0.1.0 */
export * as ElicitationForm from "./ElicitationForm.js"
/** @since 0.1.0 */
export * as HttpAddress from "./HttpAddress.js"
/** @since 0.1.0 */
export * as HttpCarrier from "./HttpCarrier.js"
/** @since 0.1.0 */
export * as HttpSettings from "./HttpSettings.js"
/** @since 0.1.0 */
export * as HttpTransport from "./HttpTransport.js"
/** @since 0.1.0 */
export * as JsonRpc from "./JsonRpc.js"
/** @since 0.1.0 */
export * as Limits from "./Limits.js"
/** @since 0.1.0 */
export * as McpClient from "./McpClient.js"
/** @since 0.1.0 */
export * as McpCompletion from "./McpCompletion.js"
/** @since 0.1.0 */
export * as McpConnection from "./McpConnection.js"
/** @since 0.1.0 */
export * as McpConnector from "./McpConnector.js"
/** @since 0.1.0 */
export * as McpError from "./McpError.js"
/** @since 0.1.0 */
export * as McpHandlers from "./McpHandlers.js"
/** @since 0.1.0 */
export * as McpHttp from "./McpHttp.js"
/** @since 0.1.0 */
export * as McpMemory from "./McpMemory.js"
/** @since 0.1.0 */
export * as McpPool from "./McpPool.js"
/** @since 0.1.0 */
export * as McpPrompt from "./McpPrompt.js"
/** @since 0.1.0 */
export * as McpRequest from "./McpRequest.js"
/** @since 0.1.0 */
export * as McpResource from "./McpResource.js"
/** @since 0.1.0 */
export * as McpSession from "./McpSession.js"
/** @since 0.1.0 */
export * as McpTask from "./McpTask.js"
/** @since 0.1.0 */
export * as McpTool from "./McpTool.js"
/** @since 0.1.0 */
export * as McpTransport from "./McpTransport.js"
/** @since 0.1.0 */
export * as Notices from "./Notices.js"
/** @since 0.1.0 */
export * as OutputSchema from "./OutputSchema.js"
/** @since 0.1.0 */
export * as Reconciled from "./Reconciled.js"
/** @since 0.1.0 */
export * as Redaction from "./Redaction.js"
/** @since 0.1.0 */
export * as Registry from "./Registry.js"
/** @since 0.1.0 */
export * as Reload from "./Reload.js"
/** @since 0.1.0 */
export * as ResourceUpdate from "./ResourceUpdate.js"
/** @since 0.1.0 */
export * as RetryPolicy from "./RetryPolicy.js"
/** @since 0.1.0 */
export * as ServerCalls from "./ServerCalls.js"
/** @since 0.1.0 */
export * as ServerCheck from "./ServerCheck.js"
/** @since 0.1.0 */
export * as ServerConfig from "./ServerConfig.js"
/** @since 0.1.0 */
export * as ServerInfo from "./ServerInfo.js"
/** @since 0.1.0 */
export * as ServerKey from "./ServerKey.js"
/** @since 0.1.0 */
export * as ServerLog from "./ServerLog.js"
/** @since 0.1.0 */
export * as ServerStatus from "./ServerStatus.js"
/** @since 0.1.0 */
export * as Session from "./Session.js"
/** @since 0.1.0 */
export * as SessionCounters from "./SessionCounters.js"
/** @since 0.1.0 */
export * as SessionEvent from "./SessionEvent.js"
/** @since 0.1.0 */
export * as TaskError from "./TaskError.js"
/** @since 0.1.0 */
export * as TaskRequest from "./TaskRequest.js"
/** @since 0.1.0 */
export * as TraceContext from "./TraceContext.js"
/** @since 0.1.0 */
export * as UrlElicitation from "./UrlElicitation.js"
