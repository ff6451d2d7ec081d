import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapeHtml } from './html.js'

const rows: Array<[string, string]> = [
  ['plain text', 'plain text'],
  ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
  ['" onmouseover="x', '&quot; onmouseover=&quot;x'],
  ["it's", 'it&#39;s'],
  ['&lt;', '&amp;lt;'],
]
for (const [text, escaped] of rows) {
  test(`${text} is shown as ${escaped}`, () => assert.equal(escapeHtml(text), escaped))
}
