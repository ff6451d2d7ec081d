import { type ErrorCode, errorTable, TunnelError } from 'tunnel-protocol'
import { unexpectedAnswer } from '../outbound/failure.js'
import { get } from '../outbound/get.js'
import type { Outbound } from '../outbound/outbound.js'
import { isToken } from './known-servers.js'

const PATH = '/api/v1/me'

/** Who we are to a server; what `GET /api/v1/me` answers. Fields that are not here are for others to read. */
export interface Me {
  /** Null on an open server, for whoever shows no token. */
  account: Account | null
  /** Software and version. */
  server: string
  domain: string
  /** Tunnels may be opened without a token. */
  open: boolean
}

export interface Account {
  /** Null for a token of the server's own list, which belongs to nobody in particular. */
  name: string | null
  role: string
  /** Patterns of the names that it may have, beside random ones; none: any. */
  names: string[]
  limits: Record<string, unknown>
}

/**
 * Ask the server who bears this token, or who comes without one. Rejects with what the server refuses with, as TUN_ERR_UNAUTHORIZED where it wants another token;
 * with TUN_ERR_NOT_A_SERVER where it does not know the question, TUN_ERR_CONNECT or TUN_ERR_PROXY where it can't be asked, and TUN_ERR_OPTION for what can't be a token.
 */
export async function askMe(serverUrl: string, token: string | undefined, outbound: Outbound): Promise<Me> {
  if (token !== undefined && !isToken(token)) {
    throw new TunnelError('TUN_ERR_OPTION', 'token: expected letters, digits and signs, without spaces')
  }
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  const { response, body } = await get(new URL(PATH, serverUrl), headers, outbound)
  const content = parseJson(body)
  if (response.statusCode === 200) {
    if (isMe(content)) return content
    throw new TunnelError('TUN_ERR_NOT_A_SERVER', `${serverUrl} answers, but is not a tunnel-server`)
  }
  const refusal = refusalOf(content)
  if (refusal === undefined) throw unexpectedAnswer(serverUrl, response)
  const { code, message } = refusal
  if (code !== 'TUN_ERR_UNAUTHORIZED') throw new TunnelError(code, `${serverUrl} refuses: ${message}`)
  const detail = token === undefined ? `wants a token: tunnel login ${serverUrl}` : 'does not accept this token'
  throw new TunnelError(code, `${serverUrl} ${detail}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isMe(value: unknown): value is Me {
  if (!isObject(value)) return false
  const { account, server, domain, open } = value
  return (
    (account === null || isAccount(account)) &&
    typeof server === 'string' &&
    typeof domain === 'string' &&
    typeof open === 'boolean' &&
    (open || account !== null)
  )
}

function isAccount(value: unknown): value is Account {
  if (!isObject(value)) return false
  const { name, role, names, limits } = value
  return (
    (name === null || typeof name === 'string') &&
    typeof role === 'string' &&
    Array.isArray(names) &&
    names.every((pattern) => typeof pattern === 'string') &&
    isObject(limits)
  )
}

/** What a tunnel-server says in place of an answer: `{"error": {"code", "message"}}`. */
function refusalOf(value: unknown): { code: ErrorCode; message: string } | undefined {
  const error = isObject(value) ? value.error : undefined
  if (!isObject(error)) return undefined
  const { code, message } = error
  if (typeof code !== 'string' || typeof message !== 'string' || !Object.hasOwn(errorTable, code)) return undefined
  return { code: code as ErrorCode, message: printable(message).slice(0, 300) }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a server says, without what would do something to a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
}
