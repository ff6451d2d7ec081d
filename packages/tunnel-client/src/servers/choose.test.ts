import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { chooseServer, type ServerChoice, withLoginHint } from './choose.js'
import type { KnownServers } from './known-servers.js'

const url = 'https://tunnel.example.com'
const known: KnownServers = [
  { name: 'work', url, token: 'kept', account: 'alice' },
  { name: 'tunnel.test', url: 'http://tunnel.test:8000', token: 'other', account: 'alice' },
  { name: 'home', url: 'https://home.test', token: undefined, account: undefined },
]
const elsewhere = 'https://tunnel.example.com:8443'

const rows: Array<[string, string | undefined, string | undefined, KnownServers, Omit<ServerChoice, 'isKept'>]> = [
  ['nothing', undefined, undefined, [], { server: 'http://localhost:8000', token: undefined, name: undefined }],
  ['a token', undefined, 'given', [], { server: 'http://localhost:8000', token: 'given', name: undefined }],
  ['nothing, with logins', undefined, undefined, known, { server: url, token: 'kept', name: 'work' }],
  ['a token, with logins', undefined, 'given', known, { server: url, token: 'given', name: 'work' }],
  ['a name', 'home', undefined, known, { server: 'https://home.test', token: undefined, name: 'home' }],
  [
    'a name that looks like a host',
    'tunnel.test',
    undefined,
    known,
    { server: 'http://tunnel.test:8000', token: 'other', name: 'tunnel.test' },
  ],
  ['a name and a token', 'work', 'given', known, { server: url, token: 'given', name: 'work' }],
  ['a URL that is known', `${url}/`, undefined, known, { server: url, token: 'kept', name: 'work' }],
  ['its host', 'tunnel.example.com', undefined, known, { server: url, token: 'kept', name: 'work' }],
  ['another port of it', elsewhere, undefined, known, { server: elsewhere, token: undefined, name: undefined }],
  [
    'it without TLS',
    'http://tunnel.example.com',
    undefined,
    known,
    { server: 'http://tunnel.example.com', token: undefined, name: undefined },
  ],
  ['another host', 'other.test', undefined, known, { server: 'other.test', token: undefined, name: undefined }],
  ['localhost', 'localhost', undefined, known, { server: 'localhost', token: undefined, name: undefined }],
]
for (const [what, server, token, servers, expected] of rows) {
  test(`given ${what}, it is ${expected.server} with ${expected.token ?? 'no'} token`, () => {
    const choice = chooseServer({ server, token }, () => servers)
    assert.deepEqual(choice, { ...expected, isKept: expected.token === 'kept' || expected.token === 'other' })
  })
}

test('what is kept is not looked at where URL and token are given', () => {
  const choice = chooseServer({ server: 'https://x.test', token: 'given' }, () => assert.fail('looked at'))
  assert.deepEqual(choice, { server: 'https://x.test', token: 'given', name: undefined, isKept: false })
})

test('a name that nobody has is refused, with those that there are', () => {
  const choose = (servers: KnownServers) => () => chooseServer({ server: 'wrok', token: 'given' }, () => servers)
  assert.throws(
    choose(known),
    /TUN_ERR_OPTION: server: "wrok" is no URL, and no server .* \(work, tunnel\.test, home\)$/,
  )
  assert.throws(choose([]), /\(there are none\)$/)
})

test('a kept token that is not wanted any more is told with what to do, and nothing else is', () => {
  const kept = chooseServer({ server: 'work', token: undefined }, () => known)
  const given = chooseServer({ server: 'work', token: 'given' }, () => known)
  const unauthorized = new TunnelError('TUN_ERR_UNAUTHORIZED', 'no such token')
  const hinted = withLoginHint(unauthorized, kept) as TunnelError
  assert.deepEqual(
    [hinted.code, hinted.detail],
    [unauthorized.code, 'no such token; tunnel login work takes a new one'],
  )
  assert.equal(withLoginHint(unauthorized, given), unauthorized)
  for (const other of [new TunnelError('TUN_ERR_FORBIDDEN', 'x'), new Error('x')]) {
    assert.equal(withLoginHint(other, kept), other)
  }
})
