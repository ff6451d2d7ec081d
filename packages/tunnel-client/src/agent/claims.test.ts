import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FileClaimStore } from './claims.js'

test('a claim is found again by server and name, in a file only the user can read', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'claims-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const store = new FileClaimStore(join(folder, 'new'))
  assert.equal(store.get('https://a', 'demo'), undefined)
  store.set('https://a', 'demo', 'first')
  store.set('https://a', 'demo', 'second')
  store.set('https://b', 'demo', 'other')
  assert.equal(new FileClaimStore(join(folder, 'new')).get('https://a', 'demo'), 'second')
  assert.equal(store.get('https://b', 'demo'), 'other')
  assert.equal(store.get('https://b', '../demo'), undefined)
  for (const file of readdirSync(join(folder, 'new'))) {
    assert.equal(statSync(join(folder, 'new', file)).mode & 0o777, 0o600)
  }
})

test('a folder that can not be written, or a damaged file, is as good as no claim', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'claims-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const store = new FileClaimStore(file)
  store.set('https://a', 'demo', 'claim')
  assert.equal(store.get('https://a', 'demo'), undefined)

  const damaged = new FileClaimStore(join(folder, 'ok'))
  damaged.set('https://a', 'demo', 'claim')
  const [name] = readdirSync(join(folder, 'ok'))
  writeFileSync(join(folder, 'ok', name!), Buffer.from([0, 1, 2, 255]))
  assert.equal(damaged.get('https://a', 'demo'), undefined)
})
