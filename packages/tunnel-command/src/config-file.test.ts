import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readConfigFile } from './config-file.js'

const folder = mkdtempSync(join(tmpdir(), 'tunnel-config-'))
after(() => rmSync(folder, { recursive: true }))

const read = (content: string) => {
  const path = join(folder, 'tunnel.yaml')
  writeFileSync(path, content)
  return readConfigFile(path)
}

test('a file of settings: text, numbers, switches, lists, comments; nothing is nothing', async () => {
  const { values } = await read('# mine\ndrain: 10s\nport: 8000\naccess-log: yes\nhost: [a, b]\n')
  assert.deepEqual(values, { drain: '10s', port: 8000, 'access-log': 'yes', host: ['a', 'b'] })
  assert.deepEqual((await read('{"drain": "10s"}')).values, { drain: '10s' })
  for (const empty of ['', '\n# nothing\n', '---\n']) assert.deepEqual((await read(empty)).values, {})
})

const wrong: Array<[string, RegExp]> = [
  ['drain: 10s\ntokens: [secret\n', /is not YAML \(line \d: [A-Z_]+\)$/],
  ['drain: 1s\ndrain: 2s\n', /is not YAML \(line 2: DUPLICATE_KEY\)$/],
  ['- drain\n', /expected lines such as "drain: 30s"/],
  ['drain', /expected lines such as "drain: 30s"/],
]
for (const [content, message] of wrong) {
  test(`${JSON.stringify(content)} is refused, saying where and not what`, async () => {
    await assert.rejects(read(content), (error: Error) => {
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  })
}

test('a file that cannot be read is named', async () => {
  await assert.rejects(readConfigFile(join(folder, 'none')), /--config: cannot read .*none \(ENOENT\)/)
})

test('aliases that would grow without bound are refused', async () => {
  const bomb = `a: &a [x,x,x]\n${['b', 'c', 'd', 'e'].map((k, i) => `${k}: &${k} [${Array(9).fill(`*${'abcd'[i]}`).join(',')}]`).join('\n')}\n`
  await assert.rejects(read(bomb), /TUN_ERR_OPTION/)
})
