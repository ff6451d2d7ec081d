import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forwardedLines, type PeerFacts, visitorAddress } from './forwarded.js'
import { parseRequestHead, type RequestHead } from './head.js'

const peer: PeerFacts = { address: '203.0.113.9', proto: 'https', port: 443, trusted: false }
const trusted: PeerFacts = { address: '10.0.0.1', proto: 'http', port: 8_080, trusted: true }

function request(...headers: string[]): RequestHead {
  return parseRequestHead(
    ['GET / HTTP/1.1', 'Host: demo.example.com', ...headers].map((line) => `${line}\r\n`).join(''),
  )
}

function fields(head: RequestHead, from: PeerFacts): Record<string, string> {
  const lines = forwardedLines(head, from)
  assert.match(lines, /^(?:[A-Za-z-]+: [^\r\n]*\r\n){5}$/)
  return Object.fromEntries(
    lines
      .trimEnd()
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
}

test('the origin learns who asked, how, and under which name', () => {
  assert.deepEqual(fields(request(), peer), {
    'X-Forwarded-For': '203.0.113.9',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'demo.example.com',
    'X-Forwarded-Port': '443',
    Forwarded: 'for=203.0.113.9;host="demo.example.com";proto=https',
  })
})

const claims = [
  'X-Forwarded-For: 198.51.100.7, 192.0.2.1',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: public.example.com',
  'X-Forwarded-Port: 8443',
]

test('what a visitor claims about itself is not passed on', () => {
  assert.deepEqual(fields(request(...claims), peer), fields(request(), peer))
  assert.equal(visitorAddress(request(...claims), peer), '203.0.113.9')
})

test('what a trusted proxy says is passed on, with the proxy added', () => {
  assert.deepEqual(fields(request(...claims), trusted), {
    'X-Forwarded-For': '198.51.100.7, 192.0.2.1, 10.0.0.1',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'public.example.com',
    'X-Forwarded-Port': '8443',
    Forwarded: 'for=192.0.2.1;host="public.example.com";proto=https',
  })
})

test('the visitor is whom the trusted proxy saw, not whom that one claims to speak for', () => {
  assert.equal(visitorAddress(request(...claims), trusted), '192.0.2.1')
  assert.equal(visitorAddress(request('X-Forwarded-For: 198.51.100.7'), trusted), '198.51.100.7')
  assert.equal(visitorAddress(request('X-Forwarded-For: 198.51.100.7,'), trusted), '10.0.0.1')
  assert.equal(visitorAddress(request(), trusted), '10.0.0.1')
})

test('a trusted proxy that says nothing, or nothing of use, changes nothing', () => {
  const plain = fields(request(), trusted)
  assert.equal(plain['X-Forwarded-For'], '10.0.0.1')
  assert.equal(plain['X-Forwarded-Port'], '8080')
  const empty = request('X-Forwarded-For:', 'X-Forwarded-Proto:', 'X-Forwarded-Host:', 'X-Forwarded-Port:')
  assert.deepEqual(fields(empty, trusted), plain)
})

const ports: Array<[string, PeerFacts, string]> = [
  ['demo.example.com:8443', peer, '8443'],
  ['[::1]', peer, '443'],
  ['[::1]:81', peer, '81'],
  ['demo.example.com', { ...peer, proto: 'http', port: 80 }, '80'],
  ['demo.example.com:', peer, '443'],
]
for (const [host, from, port] of ports) {
  test(`for Host ${host} over ${from.proto} the port is ${port}`, () => {
    const head = parseRequestHead(`GET / HTTP/1.1\r\nHost: ${host}\r\n`)
    assert.equal(fields(head, from)['X-Forwarded-Port'], port)
  })
}

const nodes: Array<[string, string]> = [
  ['198.51.100.7', '198.51.100.7'],
  ['2001:db8::1', '"[2001:db8::1]"'],
  ['unknown', 'unknown'],
  ['_hidden', 'unknown'],
  ['1.2.3.4";proto=http', 'unknown'],
  ['1.2.3.4:5678', 'unknown'],
]
for (const [address, node] of nodes) {
  test(`Forwarded names ${address} as ${node}`, () => {
    const head = request(`X-Forwarded-For: ${address}`)
    assert.ok(fields(head, trusted).Forwarded!.startsWith(`for=${node};host=`))
  })
}

test('no host or protocol can add a parameter to Forwarded', () => {
  const head = request('X-Forwarded-Host: a";for="b', 'X-Forwarded-Proto: https;for=evil')
  assert.equal(fields(head, trusted).Forwarded, 'for=10.0.0.1;host="a;for=b";proto=http')
})

test('HTTP/1.0 without Host gives an empty host', () => {
  assert.equal(fields(parseRequestHead('GET / HTTP/1.0\r\n'), peer)['X-Forwarded-Host'], '')
})
