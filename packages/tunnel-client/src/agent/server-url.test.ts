import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizeServerUrl } from './server-url.js'

const rows: Array<[string, string]> = [
  ['https://tunnel.example.com', 'https://tunnel.example.com'],
  ['https://tunnel.example.com/', 'https://tunnel.example.com'],
  ['tunnel.example.com', 'https://tunnel.example.com'],
  ['http://localhost:8000/some/path?x', 'http://localhost:8000'],
  ['wss://tunnel.example.com:8443', 'https://tunnel.example.com:8443'],
  ['ws://[::1]:8000', 'http://[::1]:8000'],
]
for (const [given, expected] of rows) {
  test(`${given} is understood as ${expected}`, () => assert.equal(normalizeServerUrl(given), expected))
}

for (const wrong of ['', 'http://', 'ftp://x', 'https://user:secret@x', 'http://a b']) {
  test(`"${wrong}" is refused, saying what was expected, without a secret`, () => {
    assert.throws(
      () => normalizeServerUrl(wrong),
      (error: Error) =>
        /TUN_ERR_OPTION: server: expected a URL/.test(error.message) && !error.message.includes('secret'),
    )
  })
}
