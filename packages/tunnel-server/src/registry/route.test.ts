import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routeHost } from './route.js'

const rows: Array<[string | undefined, string]> = [
  ['tunnel.example.com', 'server'],
  ['TUNNEL.example.COM:443', 'server'],
  ['tunnel.example.com.', 'server'],
  ['demo.tunnel.example.com', 'demo'],
  ['Demo.Tunnel.Example.com:8000', 'demo'],
  ['demo.tunnel.example.com.', 'demo'],
  ['a.b.tunnel.example.com', 'a.b'],
  ['.tunnel.example.com', 'foreign'],
  ['xtunnel.example.com', 'foreign'],
  ['example.com', 'foreign'],
  ['tunnel.example.com.evil.org', 'foreign'],
  ['127.0.0.1:8000', 'server'],
  ['[::1]:8000', 'server'],
  ['[::1]', 'server'],
  ['server:8000', 'server'],
  ['', 'server'],
  [undefined, 'server'],
]
for (const [host, expected] of rows) {
  test(`Host ${host} goes to ${expected}`, () => {
    const route = routeHost(host, 'tunnel.example.com')
    assert.equal(route.kind === 'tunnel' ? route.name : route.kind, expected)
  })
}

test('with the domain localhost, names are labels in front of it', () => {
  assert.deepEqual(routeHost('demo.localhost:8000', 'localhost'), { kind: 'tunnel', name: 'demo' })
  assert.deepEqual(routeHost('localhost:8000', 'localhost'), { kind: 'server' })
})
