import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  findServer,
  formatServers,
  type KnownServer,
  nameFor,
  parseServers,
  withoutServers,
  withServer,
} from './known-servers.js'

const work: KnownServer = { name: 'work', url: 'https://tunnel.example.com', token: 'tun_1', account: 'alice' }
const bob: KnownServer = { ...work, name: 'bob', token: 'tun_2', account: 'bob' }
const home: KnownServer = { name: 'home:8000', url: 'http://home:8000', token: undefined, account: undefined }
const all = [work, bob, home]

const found: Array<[string, KnownServer | undefined]> = [
  ['work', work],
  ['bob', bob],
  ['home:8000', home],
  ['https://tunnel.example.com', work],
  ['https://tunnel.example.com/', work],
  ['tunnel.example.com', work],
  ['wss://tunnel.example.com', work],
  ['http://home:8000', home],
  ['Work', undefined],
  ['http://tunnel.example.com', undefined],
  ['https://tunnel.example.com:8443', undefined],
  ['https://tunnel.example.com.evil.test', undefined],
  ['https://user@tunnel.example.com', undefined],
  ['https://home:8000', undefined],
  ['', undefined],
]
for (const [given, expected] of found) {
  test(`"${given}" is ${expected?.name ?? 'not known'}`, () => assert.equal(findServer(all, given), expected))
}

const names: Array<[string, string | undefined, string]> = [
  ['https://new.example.com', undefined, 'new.example.com'],
  ['http://localhost:8000', undefined, 'localhost:8000'],
  ['http://[::1]:8000', undefined, '[::1]:8000'],
  ['https://new.example.com', 'New_1', 'New_1'],
  ['https://tunnel.example.com', undefined, 'work'],
  ['https://tunnel.example.com', 'carol', 'carol'],
  ['https://tunnel.example.com', 'bob', 'bob'],
]
for (const [url, wanted, expected] of names) {
  test(`a login to ${url}${wanted === undefined ? '' : ` as ${wanted}`} is called ${expected}`, () => {
    assert.equal(nameFor(all, url, wanted), expected)
  })
}

test('a name that another server has, or that cannot be one, is refused', () => {
  assert.throws(() => nameFor(all, 'https://new.test', 'work'), /"work" is https:\/\/tunnel\.example\.com already/)
  assert.throws(() => nameFor(all, 'https://home:8000', undefined), /"home:8000" is http:\/\/home:8000 already/)
  for (const name of ['', 'a b', '-x', 'a/b', 'x'.repeat(256), 'ü']) {
    assert.throws(() => nameFor(all, 'https://new.test', name), { code: 'TUN_ERR_OPTION' })
  }
})

test('a login takes the place of the one with its name, or comes last, or first where it is told to', () => {
  const renewed = { ...bob, token: 'tun_3' }
  const other = { ...work, name: 'other', url: 'https://other.test' }
  assert.deepEqual(withServer(all, renewed, false), [work, renewed, home])
  assert.deepEqual(withServer(all, renewed, true), [renewed, work, home])
  assert.deepEqual(withServer(all, other, false), [...all, other])
  assert.deepEqual(withServer(all, other, true), [other, ...all])
  assert.deepEqual(withServer([], other, false), [other])
  assert.deepEqual(withoutServers(all, [work, home]), [bob])
})

test('what is written is what is read', () => assert.deepEqual(parseServers(formatServers(all)), all))

const file = (server: object, version: unknown = 1) => JSON.stringify({ version, servers: [work, server] })
const bad: Array<[string, string, RegExp]> = [
  ['nothing', '', /^it is not JSON$/],
  ['half of a file', formatServers(all).slice(0, 120), /^it is not JSON$/],
  ['a list', '[]', /^the whole is not an object$/],
  ['null', 'null', /^the whole is not an object$/],
  ['no version', '{"servers":[]}', /^"version" is not 1$/],
  ['a later version', '{"version":2,"servers":[]}', /^a newer version of tunnel wrote it$/],
  ['no list', '{"version":1,"servers":{}}', /^"servers" is not a list$/],
  ['text for a server', '{"version":1,"servers":["x"]}', /^servers\[0\] is not an object$/],
  ['no name', file({ ...bob, name: undefined }), /^servers\[1\]\.name is not a name$/],
  ['a URL that is none', file({ ...bob, url: 'tunnel.example.com' }), /^servers\[1\]\.url is not a URL/],
  ['a URL with a password', file({ ...bob, url: 'https://u:secret@x.test' }), /^servers\[1\]\.url is not a URL/],
  ['a token with a line break', file({ ...bob, token: 'secret\nsecret' }), /^servers\[1\]\.token is not a token$/],
  ['an empty token', file({ ...bob, token: '' }), /^servers\[1\]\.token is not a token$/],
  ['a token that is a number', file({ ...bob, token: 1 }), /^servers\[1\]\.token is not a token$/],
  ['an account that is a list', file({ ...bob, account: [] }), /^servers\[1\]\.account is not a name$/],
  ['a name twice', file(work), /^two servers are called "work"$/],
]
for (const [what, text, message] of bad) {
  test(`a file with ${what} is refused, saying where`, () => {
    assert.throws(
      () => parseServers(text),
      (error: Error) => {
        assert.match(error.message, message)
        return !error.message.includes('secret')
      },
    )
  })
}

test('no JSON makes the reader do anything but read or refuse', () => {
  const server = fc.record(
    { name: fc.oneof(fc.constant('a'), fc.string()), url: fc.webUrl(), token: fc.string(), account: fc.jsonValue() },
    { requiredKeys: [] },
  )
  const content = fc.oneof(
    fc.jsonValue(),
    fc.record({ version: fc.constant(1), servers: fc.array(fc.oneof(server, fc.jsonValue())) }),
  )
  fc.assert(
    fc.property(content, (content) => {
      const text = JSON.stringify(content)
      try {
        assert.deepEqual(parseServers(formatServers(parseServers(text))), parseServers(text))
      } catch (error) {
        assert.equal((error as Error).constructor, Error)
      }
    }),
  )
})
