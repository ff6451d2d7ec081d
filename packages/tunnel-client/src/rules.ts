import { createHash } from 'node:crypto'
import {
  hashPassword,
  isUserName,
  MAX_PASSWORD_LENGTH,
  parseRules,
  type Rules,
  TunnelError,
  USER_RULE,
} from 'tunnel-protocol'

/** What a tunnel asks of its visitors, as people give it. */
export interface VisitorOptions {
  allowIp?: string[] | undefined
  denyIp?: string[] | undefined
  /** `user:password` each. */
  basicAuth?: string[] | undefined
  password?: string | undefined
  /** In the form in which they are sent. Those above take the place of their parts. */
  rules?: Rules | undefined
}

/** For whom passwords are hashed. */
interface Place {
  server: string
  /** The name that is asked for. */
  name: string | undefined
}

/**
 * The rules to send; undefined where there are none. Passwords are hashed here, which takes some 30 ms each: the server gets to know none before a visitor
 * types it. Throws TUN_ERR_RULES, or TUN_ERR_OPTION for credentials that are none.
 */
export function rulesOf(options: VisitorOptions, place: Place): Rules | undefined {
  const { allowIp, denyIp, basicAuth, password, rules } = options
  const users = basicAuth?.map((credentials) => {
    const { user, password } = readCredentials(credentials)
    return { user, hash: hashPassword(password, saltOf(place, `user ${user}`)) }
  })
  return parseRules({
    ...rules,
    ...(allowIp && { allowIp }),
    ...(denyIp && { denyIp }),
    ...(users && { basicAuth: users }),
    ...(password !== undefined && {
      password: { hash: hashPassword(checkLength('password', password), saltOf(place, 'password')) },
    }),
  })
}

/** `user:password`. Throws TUN_ERR_OPTION that does not show it. */
export function readCredentials(text: string): { user: string; password: string } {
  const colon = text.indexOf(':')
  const [user, password] = [text.slice(0, colon), text.slice(colon + 1)]
  if (colon < 0 || !isUserName(user)) {
    throw new TunnelError('TUN_ERR_OPTION', `basic-auth: expected user:password, with ${USER_RULE}`)
  }
  return { user, password: checkLength('basic-auth', password) }
}

function checkLength(what: string, password: string): string {
  if (password.length > 0 && password.length <= MAX_PASSWORD_LENGTH) return password
  throw new TunnelError('TUN_ERR_OPTION', `${what}: expected a password of 1 to ${MAX_PASSWORD_LENGTH} characters`)
}

/**
 * The same in each run, and for each agent of a pool: they have to send the same rules, and what a visitor was let in by is to hold when an agent has been restarted. Without a name nobody
 * can come back, nor join: random.
 */
function saltOf({ server, name }: Place, what: string): Buffer | undefined {
  if (name === undefined) return undefined
  return createHash('sha256')
    .update(JSON.stringify([server, name.toLowerCase(), what]))
    .digest()
    .subarray(0, 16)
}
