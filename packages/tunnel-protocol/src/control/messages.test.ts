import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TunnelError } from '../errors.js'
import { type Hello, parseToAgent, parseToServer } from './messages.js'

const long = 'x'.repeat(1_024)
const welcome = { type: 'welcome', session: 's1', window: 65_536, server: 'tunnel-server/1' }
const bound = { type: 'bound', tunnel: 0, name: 'demo', url: 'https://demo.example.com', claim: 'secret' }
const refused = { type: 'refused', tunnel: 3, code: 'TUN_ERR_NAME_TAKEN', message: 'taken' }

const toServer: Array<[string, Record<string, unknown>, object | undefined]> = [
  ['a hello with nothing but no binds', { type: 'hello', binds: [] }, { type: 'hello', binds: [] }],
  [
    'a full hello',
    {
      type: 'hello',
      token: 't',
      agent: 'a/1',
      instance: 'i',
      link: 7,
      window: 0xffff_ffff,
      binds: [{ tunnel: 0, name: 'n', claim: 'c', force: true, pool: false }, { tunnel: 0xffff_ffff }],
    },
    {
      type: 'hello',
      token: 't',
      agent: 'a/1',
      instance: 'i',
      link: 7,
      window: 0xffff_ffff,
      binds: [{ tunnel: 0, name: 'n', claim: 'c', force: true, pool: false }, { tunnel: 0xffff_ffff }],
    },
  ],
  [
    'fields that we do not know, which are left out',
    { type: 'hello', color: 'red', binds: [{ tunnel: 1, tcp: true }] },
    { type: 'hello', binds: [{ tunnel: 1 }] },
  ],
  [
    'null for a field that may be missing',
    { type: 'hello', token: null, window: null, binds: [{ tunnel: 1, name: null }] },
    { type: 'hello', binds: [{ tunnel: 1 }] },
  ],
  ['texts of 1,024 characters', { type: 'hello', token: long, binds: [] }, { type: 'hello', token: long, binds: [] }],
  ['a leave', { type: 'leave', why: 'bored' }, { type: 'leave' }],
  ['a type that we do not know', { type: 'quota', binds: 5 }, undefined],
  [
    'resume far into a session',
    { type: 'resume', session: 's', secret: 'x', attempt: 3, received: 2 ** 40, more: 1 },
    { type: 'resume', session: 's', secret: 'x', attempt: 3, received: 2 ** 40 },
  ],
  ['no type', {}, undefined],
  ['a type that is no string', { type: ['hello'] }, undefined],
  ['a message for the other side', welcome, undefined],
]
for (const [what, message, expected] of toServer) {
  test(`a server reads ${what}`, () => assert.deepEqual(parseToServer(message), expected))
}

const toAgent: Array<[string, Record<string, unknown>, object | undefined]> = [
  ['a welcome', { ...welcome, extra: 1 }, welcome],
  ['a welcome that wants links', { ...welcome, links: 4 }, { ...welcome, links: 4 }],
  ['a welcome without the server name', { ...welcome, server: undefined }, { ...welcome, server: 'unknown' }],
  ['a bound', { ...bound, extra: 1 }, bound],
  ['a refused', { ...refused, extra: 1 }, refused],
  ['a code that we do not know, as it is', { ...refused, code: 'TUN_ERR_NEW' }, { ...refused, code: 'TUN_ERR_NEW' }],
  ['a type that we do not know', { type: 'quota' }, undefined],
  ['a drain', { type: 'drain', why: 'update' }, { type: 'drain' }],
  ['resumed', { type: 'resumed', received: 0 }, { type: 'resumed', received: 0 }],
  ['a message for the other side', { type: 'hello', binds: [] }, undefined],
]
for (const [what, message, expected] of toAgent) {
  test(`an agent reads ${what}`, () => assert.deepEqual(parseToAgent(message), expected))
}

const hello = (fields: object) => ({ type: 'hello', binds: [], ...fields })
const bind = (fields: object) => ({ type: 'hello', binds: [fields] })
const many = (count: number) => ({ type: 'hello', binds: Array.from({ length: count }, (_, tunnel) => ({ tunnel })) })
const badToServer: Array<[Record<string, unknown>, RegExp]> = [
  [{ type: 'hello' }, /hello\.binds/],
  [{ type: 'hello', binds: {} }, /hello\.binds/],
  [many(65), /hello\.binds/],
  [hello({ token: 5 }), /hello\.token/],
  [hello({ token: `${long}x` }), /hello\.token/],
  [hello({ agent: ['a'] }), /hello\.agent/],
  [hello({ instance: 1 }), /hello\.instance/],
  [hello({ link: 8 }), /hello\.link/],
  [hello({ link: '1' }), /hello\.link/],
  [hello({ window: -1 }), /hello\.window/],
  [hello({ window: 1.5 }), /hello\.window/],
  [hello({ window: '1' }), /hello\.window/],
  [hello({ window: 2 ** 32 }), /hello\.window/],
  [{ type: 'hello', binds: [null] }, /bind is not an object/],
  [{ type: 'hello', binds: ['demo'] }, /bind is not an object/],
  [{ type: 'hello', binds: [[]] }, /bind\.tunnel/],
  [bind({}), /bind\.tunnel/],
  [bind({ tunnel: '1' }), /bind\.tunnel/],
  [{ type: 'hello', binds: [{ tunnel: 1 }, { tunnel: 1 }] }, /bind\.tunnel/],
  [bind({ tunnel: 1, name: {} }), /bind\.name/],
  [bind({ tunnel: 1, claim: 1 }), /bind\.claim/],
  [bind({ tunnel: 1, force: 'yes' }), /bind\.force/],
  [bind({ tunnel: 1, pool: 1 }), /bind\.pool/],
]
for (const [message, field] of badToServer) {
  test(`a server refuses ${JSON.stringify(message).slice(0, 70)}, naming ${field.source}`, () => {
    assert.throws(() => parseToServer(message), { code: 'TUN_ERR_PROTOCOL', message: field })
  })
}

test('64 binds are allowed', () => assert.equal((parseToServer(many(64)) as Hello).binds.length, 64))

for (const message of [welcome, bound, refused] as Array<Record<string, unknown>>) {
  for (const field of Object.keys(message).filter((key) => key !== 'type' && key !== 'server')) {
    test(`an agent refuses a ${message.type} without ${field}, or with a wrong one`, () => {
      const expected = { code: 'TUN_ERR_PROTOCOL', message: new RegExp(`${message.type}\\.${field}`) }
      assert.throws(() => parseToAgent({ ...message, [field]: undefined }), expected)
      assert.throws(() => parseToAgent({ ...message, [field]: {} }), expected)
    })
  }
}

test('whatever JSON comes, parsing gives a message, nothing, or TUN_ERR_PROTOCOL', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(0, 1, 'demo', null, [], {}))
  const fields = [
    'binds',
    'tunnel',
    'name',
    'url',
    'claim',
    'force',
    'pool',
    'token',
    'instance',
    'link',
    'links',
    'window',
    'session',
    'server',
    'code',
    'message',
  ]
  const message = fc
    .tuple(
      fc.constantFrom('hello', 'leave', 'welcome', 'bound', 'refused', 'drain', 'x'),
      fc.dictionary(fc.constantFrom(...fields, '__proto__', 'constructor'), value),
      fc.option(fc.array(fc.dictionary(fc.constantFrom(...fields), value), { maxLength: 3 })),
    )
    .map(([type, rest, binds]) => JSON.parse(JSON.stringify({ ...rest, type, ...(binds === null ? {} : { binds }) })))
  const check = fc.property(message, (parsed) => {
    for (const parse of [parseToServer, parseToAgent]) {
      try {
        const result = parse(parsed)
        if (result !== undefined) assert.equal(result.type, parsed.type)
      } catch (error) {
        assert.ok(error instanceof TunnelError, String(error))
        assert.equal(error.code, 'TUN_ERR_PROTOCOL')
      }
    }
  })
  fc.assert(check, { numRuns: 2_000 })
})
