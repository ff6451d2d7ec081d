import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PeerFacts, provenance } from './forwarded.js'
import { parseRequestHead, type RequestHead } from './head.js'

const isTrusted = (address: string) => address.startsWith('10.')
const peer: PeerFacts = { address: '203.0.113.9', proto: 'https', port: 443, trusted: false, isTrusted }
const trusted: PeerFacts = { address: '10.0.0.1', proto: 'http', port: 8_080, trusted: true, isTrusted }

function visitorAddress(head: RequestHead, from: PeerFacts): string {
  return provenance(head, from).visitor
}

function request(...headers: string[]): RequestHead {
  return parseRequestHead(
    ['GET / HTTP/1.1', 'Host: demo.example.com', ...headers].map((line) => `${line}\r\n`).join(''),
  )
}

function fields(head: RequestHead, from: PeerFacts): Record<string, string> {
  const { lines } = provenance(head, from)
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

test('behind several trusted proxies the visitor is the last one who is none of them', () => {
  const through = (chain: string) => visitorAddress(request(`X-Forwarded-For: ${chain}`), trusted)
  assert.equal(through('198.51.100.7, 10.0.0.3, 10.0.0.2'), '198.51.100.7')
  assert.equal(through('192.0.2.66, 198.51.100.7,10.0.0.2:443'), '198.51.100.7')
  assert.equal(through('10.0.0.3, 10.0.0.2'), '10.0.0.3')
})

test('a trusted proxy may say it in Forwarded instead', () => {
  const head = request(
    'Forwarded: for=192.0.2.66;proto=http, For="[2001:db8::7]:4711";Proto=https;host="public.example.com:8443"',
  )
  assert.deepEqual(fields(head, trusted), {
    'X-Forwarded-For': '192.0.2.66, 2001:db8::7, 10.0.0.1',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'public.example.com:8443',
    'X-Forwarded-Port': '8443',
    Forwarded: 'for="[2001:db8::7]";host="public.example.com:8443";proto=https',
  })
  assert.deepEqual(fields(head, peer), fields(request(), peer))
})

test('beside X-Forwarded-For, Forwarded may be what the visitor made up, and says nothing', () => {
  const head = request('Forwarded: for=192.0.2.66;host=evil.example', 'X-Forwarded-For: 198.51.100.7')
  assert.equal(fields(head, trusted).Forwarded, 'for=198.51.100.7;host="demo.example.com";proto=http')
})

for (const malformed of ['for=', 'for', 'for=a b', ';', 'for="a', 'for=1.2.3.4;;', 'före=1', '"', 'for=a, ,for=b']) {
  test(`a malformed Forwarded (${malformed}) says nothing`, () => {
    const head = request(`Forwarded: ${Buffer.from(malformed).toString('latin1')}`)
    assert.deepEqual(fields(head, trusted), fields(request(), trusted))
    assert.equal(visitorAddress(head, trusted), '10.0.0.1')
  })
}

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
  ['1.2.3.4:5678', '1.2.3.4'],
  ['[2001:db8::1]:5678', '"[2001:db8::1]"'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['[::ffff:1.2.3.4]', '1.2.3.4'],
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
