import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { errorPage } from './error-page.js'

const notFound = new TunnelError('TUN_ERR_NO_TUNNEL', 'there is no tunnel named "<script>alert(1)</script>" here')

const rows: Array<[string, string]> = [
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
  ['application/json, text/plain, */*', 'application/json'],
  ['application/problem+json', 'application/json'],
  ['text/html;q=0.5, application/json;q=0.9', 'application/json'],
  ['text/html;q=0, text/plain', 'text/plain'],
  ['*/*', 'text/plain'],
  ['', 'text/plain'],
  ['image/png', 'text/plain'],
  [',;;q=,q=9,', 'text/plain'],
]
for (const [accept, type] of rows) {
  test(`Accept "${accept}" gets ${type}`, () => {
    assert.match(errorPage(notFound, accept).headers, new RegExp(`^Content-Type: ${type}; charset=utf-8\r\n`))
  })
}

test('what a page echoes can not become markup', () => {
  const page = errorPage(notFound, 'text/html').body.toString()
  assert.ok(!page.includes('<script>'))
  assert.ok(page.includes('&lt;script&gt;'))
})

test('the JSON form names code, status and reason', () => {
  const { error } = JSON.parse(errorPage(notFound, 'application/json').body.toString())
  assert.equal(error.code, 'TUN_ERR_NO_TUNNEL')
  assert.equal(error.status, 404)
  assert.equal(error.message, notFound.detail)
})

test('the code tells our answer from the one of the app, and Retry-After is there when trying again makes sense', () => {
  const page = errorPage(new TunnelError('TUN_ERR_TUNNEL_OFFLINE', 'away'), '')
  assert.match(page.headers, /\r\nX-Tunnel-Error: TUN_ERR_TUNNEL_OFFLINE\r\n/)
  assert.match(page.headers, /\r\nRetry-After: 1\r\n/)
  assert.match(page.headers, new RegExp(`\r\nContent-Length: ${page.body.length}\r\n`))
  assert.doesNotMatch(errorPage(notFound, '').headers, /Retry-After/)
})
