/**
 * What to do about a TLS handshake that failed, by what the system calls it. Values only.
 */

const ca = "trust its authority by `ca` of `SocketSettings.tls`, or by NODE_EXTRA_CA_CERTS"
const client = "`cert` and `key` of `SocketSettings.tls`"
const plain = "the port speaks no TLS: is it a plain http:// server?"

const hints: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: `its certificate comes from an authority that is not known; ${ca}`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `its certificate comes from an authority that is not known; ${ca}`,
  UNABLE_TO_GET_ISSUER_CERT: `its certificate comes from an authority that is not known; ${ca}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `its certificate comes from an authority that is not known; ${ca}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: `its certificate is signed by itself; ${ca}`,
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name; correct the URL, or the certificate",
  HOSTNAME_MISMATCH: "its certificate is for another name; correct the URL, or the certificate",
  CERT_HAS_EXPIRED: "its certificate has expired; renew it, or set this machine's clock",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; set this machine's clock",
  ERR_SSL_WRONG_VERSION_NUMBER: plain,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plain,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: `it wants a client certificate: ${client}`,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: `it does not know the authority of the client certificate: ${client}`,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: `it may want a client certificate: ${client}`,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: `it does not take the client certificate: ${client}`
}

/** Goes behind the reason; empty where the code says all there is. */
export const of = (code: string): string => (Object.hasOwn(hints, code) ? `: ${hints[code]}` : "")

/** What a server may be that cuts off the first request at `where`. */
export const ofCut = (where: string): string =>
  where.startsWith("https:")
    ? `; it may want a client certificate: ${client}`
    : "; if the port speaks TLS, the URL has to begin with https://"
