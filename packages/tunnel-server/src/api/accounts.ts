import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TunnelError } from 'tunnel-protocol'
import { type AccountFields, MAX_TUNNELS, type TokenFields } from '../accounts/account.js'
import { MAX_PATTERNS } from '../accounts/patterns.js'
import type { AdminCalls } from '../accounts/service.js'
import type { ApiContext } from './context.js'
import { credentialsOf } from './credentials.js'

/** Records of the audit in one answer, at most and unless said otherwise. */
const MAX_RECORDS = 1_000
const RECORDS = 100

// Each description is what an error says was expected. What the text of a name, a pattern or a label may be is checked where it is written.

const fields = {
  role: { type: 'string', enum: ['user', 'admin'], description: 'user or admin' },
  names: {
    type: 'array',
    maxItems: MAX_PATTERNS,
    description: `a list of at most ${MAX_PATTERNS} patterns of names`,
    items: { type: 'string', description: 'a name such as alice, or a pattern such as alice-*' },
  },
  limits: {
    type: 'object',
    additionalProperties: false,
    description: 'an object such as {"tunnels": 5}',
    properties: {
      tunnels: {
        type: 'integer',
        nullable: true,
        minimum: 0,
        maximum: MAX_TUNNELS,
        description: `a whole number from 0 to ${MAX_TUNNELS}, or null for what the settings say`,
      },
    },
  },
} as const
const accountName = { type: 'string', maxLength: 200, description: 'the name of an account' } as const
const account = object({ name: accountName }, ['name'])
const nothing = object({})
const newAccount = object({ name: accountName, ...fields }, ['name'])
const changes = { ...object(fields), minProperties: 1, description: 'an object with what is to change' }
const ban = object({ reason: { type: 'string', description: 'a line of text' } })
const newToken = object({
  label: { type: 'string', description: 'a line of text' },
  expiresInMs: { type: 'integer', minimum: 1, description: 'a number of milliseconds' },
})
const token = object({ id: { type: 'string', maxLength: 200, description: 'the id of a token' } }, ['id'])
const page = object({
  limit: { type: 'string', pattern: '^[1-9][0-9]{0,3}$', description: `a whole number from 1 to ${MAX_RECORDS}` },
  before: { type: 'string', pattern: '^[0-9]{1,15}$', description: 'the id of a record' },
})

type ByName = { Params: { name: string } }

/** Accounts, tokens and the audit, for admins: `/api/v1/accounts`, `/api/v1/tokens`, `/api/v1/audit`. */
export async function accountRoutes(app: FastifyInstance, context: ApiContext): Promise<void> {
  const { accounts } = context
  const ask = <K extends keyof AdminCalls>(request: FastifyRequest, call: { call: K } & AdminCalls[K]['asks']) =>
    accounts.perform(credentialsOf(request, context), call)

  // Before anything else is looked at: whoever is no admin learns nothing, not even what would be wrong.
  app.addHook('onRequest', async (request) => {
    const identity = await accounts.identify(credentialsOf(request, context))
    if (identity.account?.role === 'admin') return
    throw new TunnelError(
      identity.account === null ? 'TUN_ERR_UNAUTHORIZED' : 'TUN_ERR_FORBIDDEN',
      'only an account with the role admin may do that',
    )
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.get('/api/v1/accounts', { schema: { querystring: nothing } }, async (request) => {
    return { accounts: await ask(request, { call: 'listAccounts' }) }
  })
  app.post<{ Body: { name: string } & AccountFields }>(
    '/api/v1/accounts',
    { schema: { querystring: nothing, body: newAccount } },
    async (request, reply) => {
      const { name, ...rest } = request.body
      const added = await ask(request, { call: 'addAccount', name, fields: rest })
      reply.code(201)
      return { account: added }
    },
  )
  const byName = { params: account, querystring: nothing }
  app.get<ByName>('/api/v1/accounts/:name', { schema: byName }, async (request) => {
    return { account: await ask(request, { call: 'showAccount', name: request.params.name }) }
  })
  app.patch<ByName & { Body: AccountFields }>(
    '/api/v1/accounts/:name',
    { schema: { ...byName, body: changes } },
    async (request) => {
      return { account: await ask(request, { call: 'setAccount', name: request.params.name, fields: request.body }) }
    },
  )
  app.delete<ByName>('/api/v1/accounts/:name', { schema: byName }, async (request, reply) => {
    await ask(request, { call: 'removeAccount', name: request.params.name })
    reply.code(204)
  })
  app.put<ByName & { Body: { reason?: string } }>(
    '/api/v1/accounts/:name/ban',
    { schema: { ...byName, body: ban } },
    async (request) => {
      const { reason = '' } = request.body
      return { account: await ask(request, { call: 'banAccount', name: request.params.name, reason }) }
    },
  )
  app.delete<ByName>('/api/v1/accounts/:name/ban', { schema: byName }, async (request) => {
    return { account: await ask(request, { call: 'unbanAccount', name: request.params.name }) }
  })
  app.get<ByName>('/api/v1/accounts/:name/tokens', { schema: byName }, async (request) => {
    return { tokens: await ask(request, { call: 'listTokens', name: request.params.name }) }
  })
  app.post<ByName & { Body: TokenFields }>(
    '/api/v1/accounts/:name/tokens',
    { schema: { ...byName, body: newToken } },
    async (request, reply) => {
      const made = await ask(request, { call: 'createToken', name: request.params.name, fields: request.body })
      reply.code(201)
      return { token: made.token, secret: made.text }
    },
  )
  app.delete<{ Params: { id: string } }>(
    '/api/v1/tokens/:id',
    { schema: { params: token, querystring: nothing } },
    async (request, reply) => {
      await ask(request, { call: 'revokeToken', id: request.params.id })
      reply.code(204)
    },
  )
  app.get<{ Querystring: { limit?: string; before?: string } }>(
    '/api/v1/audit',
    { schema: { querystring: page } },
    async (request) => {
      const { limit = String(RECORDS), before } = request.query
      const asked = Math.min(Number(limit), MAX_RECORDS)
      const records = await ask(request, {
        call: 'history',
        limit: asked,
        ...(before === undefined ? {} : { before: Number(before) }),
      })
      return { records, next: records.length < asked ? null : records.at(-1)!.id }
    },
  )
}

/** Without other fields than these: one that nobody knows is a mistake. */
function object<const P extends object>(properties: P, required: string[] = []) {
  return { type: 'object', additionalProperties: false, description: 'an object', properties, required } as const
}
