import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readUsers } from './secrets.js'

const folder = mkdtempSync(join(tmpdir(), 'tunnel-secrets-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'users')

test('users of a file come behind those that were given otherwise', () => {
  writeFileSync(path, '# friends\r\nbob:b, c \r\n\ncarol:#1\n')
  assert.deepEqual(readUsers(['alice:a'], path), ['alice:a', 'bob:b, c ', 'carol:#1'])
  assert.deepEqual(readUsers(['alice:a'], undefined), ['alice:a'])
  assert.equal(readUsers([], undefined), undefined)
})

test('a file without users is refused: it would let in everybody', () => {
  writeFileSync(path, '# nobody yet\n\n')
  assert.throws(() => readUsers([], path), /TUN_ERR_OPTION: --basic-auth-file: .*users holds no user:password$/)
  assert.throws(() => readUsers([], join(folder, 'none')), /--basic-auth-file: cannot read .*none \(ENOENT\)$/)
})
