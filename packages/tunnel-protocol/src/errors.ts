/**
 * What an agent does when it meets an error: try again with a new link, give up, give up only when it has never been online
 * (later it reconnects: then the fault is not its user's), or carry on as if nothing happened.
 */
export type AgentReaction = 'reconnect' | 'stop' | 'stopAtFirst' | 'stay'

export interface ErrorRow {
  /** Number on the wire, in RESET, GO_AWAY and REFUSED. Never reused; null where the code never crosses the wire. */
  wire: number | null
  /** HTTP status a visitor gets; null where no visitor can meet it. */
  status: number | null
  agent: AgentReaction | null
  /** Exit code of the command, after sysexits.h where one fits; null where the command goes on. */
  exit: number | null
  /** One sentence for docs/errors.md. */
  when: string
}

/** The one table of everything that can go wrong. docs/errors.md shows the same rows; a test compares them. */
export const errorTable = {
  TUN_ERR_PROTOCOL: row(1, 502, 'reconnect', 76, 'The peer broke a rule of the tunnel protocol.'),
  TUN_ERR_INTERNAL: row(2, 500, 'reconnect', 70, 'A bug of ours. The cause is logged and never sent.'),
  TUN_ERR_FLOW_CONTROL: row(3, 502, 'reconnect', 76, 'The peer sent more bytes than it had credit for.'),
  TUN_ERR_VERSION: row(4, null, 'stop', 76, 'Server and agent have no protocol version in common.'),
  TUN_ERR_UNAUTHORIZED: row(5, 401, 'stop', 77, 'The token is missing, unknown or not valid any more.'),
  TUN_ERR_FORBIDDEN: row(
    6,
    403,
    'stop',
    77,
    'The token does not allow this: its account may not have the name, is banned, or is no admin.',
  ),
  TUN_ERR_NAME_TAKEN: row(7, 409, 'stop', 73, 'Another agent holds the name.'),
  TUN_ERR_DRAINING: row(8, 503, 'reconnect', 69, 'The server or agent is shutting down and takes no new streams.'),
  TUN_ERR_TOO_MANY_STREAMS: row(
    9,
    503,
    'stay',
    null,
    'The session or tunnel already carries as many streams as it may.',
  ),
  TUN_ERR_ORIGIN_REFUSED: row(
    10,
    502,
    'stay',
    null,
    'Nothing answers at the address of the local app. Carries Retry-After.',
  ),
  TUN_ERR_ORIGIN_TLS: row(21, 502, 'stay', null, 'TLS with the local app fails, or its certificate is not accepted.'),
  TUN_ERR_ORIGIN_RESET: row(11, 502, 'stay', null, 'The local app broke off, or its answer is not HTTP.'),
  TUN_ERR_ORIGIN_TIMEOUT: row(
    12,
    504,
    'stay',
    null,
    'The local app did not accept a connection, or was silent for too long.',
  ),
  TUN_ERR_VISITOR_GONE: row(13, 499, 'stay', null, 'The visitor left before the exchange was over.'),
  TUN_ERR_HEAD_TOO_LARGE: row(14, 431, 'stay', null, 'The request or response head is over its limit.'),
  TUN_ERR_BODY_TOO_LARGE: row(15, 413, 'stay', null, 'The request body is over its limit.'),
  TUN_ERR_NAME_INVALID: row(16, 400, 'stop', 65, 'The name breaks the rule for names, or is reserved.'),
  TUN_ERR_REPLACED: row(
    17,
    503,
    'stop',
    73,
    'Another agent took the name over: with its claim, or on purpose (`--force`).',
  ),
  TUN_ERR_NO_BODY_NEEDED: row(
    18,
    null,
    'stay',
    null,
    'The answer is complete; the rest of the request body is not wanted.',
  ),
  TUN_ERR_BAD_REQUEST: row(null, 400, null, null, 'The visitor sent something that is not HTTP.'),
  TUN_ERR_METHOD: row(null, 405, null, null, 'CONNECT and TRACE are not carried.'),
  TUN_ERR_NOT_IMPLEMENTED: row(null, 501, null, null, 'A transfer coding other than chunked.'),
  TUN_ERR_HTTP_VERSION: row(null, 505, null, null, 'An HTTP version other than 1.0 and 1.1.'),
  TUN_ERR_URI_TOO_LONG: row(null, 414, null, null, 'The request target is over its limit.'),
  TUN_ERR_REQUEST_TIMEOUT: row(null, 408, null, null, 'The visitor did not send its request in time.'),
  TUN_ERR_TOO_MANY_REQUESTS: row(
    null,
    429,
    null,
    null,
    'The address of the visitor has as many requests open as it may.',
  ),
  TUN_ERR_ADDRESS_REFUSED: row(
    null,
    403,
    null,
    null,
    'The rules of the tunnel let in nobody from the address of the visitor.',
  ),
  TUN_ERR_SIGN_IN: row(null, 401, null, null, 'The tunnel wants to know who the visitor is.'),
  TUN_ERR_UNCONFIRMED: row(
    null,
    403,
    null,
    null,
    'The visitor has not yet read the warning of this server (`--interstitial`).',
  ),
  TUN_ERR_TOO_MANY_ATTEMPTS: row(
    null,
    429,
    null,
    null,
    'Too many passwords were tried from the address of the visitor, or by all together. Carries Retry-After.',
  ),
  TUN_ERR_NO_TUNNEL: row(null, 404, null, null, 'No tunnel has this name.'),
  TUN_ERR_TUNNEL_OFFLINE: row(null, 503, null, null, 'The agent that holds the name is away. Carries Retry-After.'),
  TUN_ERR_CONNECT: row(null, null, 'reconnect', 69, 'The server could not be reached.'),
  TUN_ERR_PROXY: row(null, null, 'stopAtFirst', 69, 'A proxy on the way to the server does not let us through.'),
  TUN_ERR_NOT_A_SERVER: row(null, null, 'stopAtFirst', 76, 'What answered at the server URL is not a tunnel-server.'),
  TUN_ERR_ACCOUNT_LIMIT: row(20, null, 'stopAtFirst', 75, 'The account has as many sessions or tunnels as it may.'),
  TUN_ERR_SESSION_CLOSED: row(19, 502, 'reconnect', 69, 'The connection between server and agent was lost.'),
  TUN_ERR_RULES: row(
    null,
    null,
    'stop',
    78,
    'The rules for visitors cannot be used, or are not those of the other agents of the pool.',
  ),
  TUN_ERR_OPTION: row(null, null, 'stop', 78, 'A flag or environment variable has a value that cannot be used.'),
  TUN_ERR_FIELD: row(null, 400, null, 78, 'A field of an account, a token or a request to the API cannot be used.'),
  TUN_ERR_NO_ACCOUNT: row(null, 404, null, 67, 'There is no such account, or no such token.'),
  TUN_ERR_ACCOUNT_EXISTS: row(null, 409, null, 73, 'There is an account of this name already.'),
  TUN_ERR_DATA: row(null, 503, 'stop', 74, 'What the server keeps in its data folder cannot be read or written.'),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

function row(
  wire: number | null,
  status: number | null,
  agent: AgentReaction | null,
  exit: number | null,
  when: string,
): ErrorRow {
  return { wire, status, agent, exit, when }
}

const codeByWire = new Map<number, ErrorCode>()
for (const [code, { wire }] of Object.entries(errorTable)) {
  if (wire !== null) codeByWire.set(wire, code as ErrorCode)
}

/** The code behind a wire number; a number from a newer peer counts as TUN_ERR_PROTOCOL. */
export function errorCodeFromWire(wire: number): ErrorCode {
  return codeByWire.get(wire) ?? 'TUN_ERR_PROTOCOL'
}

const INTERNAL_WIRE = 2

/** The number sent for a code; codes without a number of their own travel as TUN_ERR_INTERNAL. */
export function wireFromErrorCode(code: ErrorCode): number {
  return errorTable[code].wire ?? INTERNAL_WIRE
}

/** Every failure of ours. `detail` is written for a person and must not hold a secret. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError'
  readonly code: ErrorCode
  /** The message without its code. */
  readonly detail: string

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}`, options)
    this.code = code
    this.detail = detail
  }

  get status(): number {
    return errorTable[this.code].status ?? 502
  }

  get exitCode(): number {
    return errorTable[this.code].exit ?? 1
  }

  static from(reason: unknown): TunnelError {
    if (reason instanceof TunnelError) return reason
    return new TunnelError('TUN_ERR_INTERNAL', 'unexpected failure', { cause: reason })
  }
}
