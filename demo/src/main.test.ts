import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startDemo } from './index.js'

const main = fileURLToPath(new URL('main.js', import.meta.url))

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`the command prints its address and leaves in order on ${signal}`, async () => {
    const child = spawn(process.execPath, [main, '0'])
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    const url = /^demo app on (http:\/\/localhost:\d+)\n$/.exec(line)?.[1]
    assert.ok(url !== undefined, line)
    assert.equal((await fetch(url.replace('localhost', '127.0.0.1'))).status, 200)
    child.kill(signal)
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })
}

test('a busy port gives one clear line and exit code 1', async () => {
  const demo = await startDemo({ port: 0 })
  const { code, stderr } = await run(String(demo.port))
  await demo.close()
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`^port ${demo.port} is already in use; [^\\n]+\\n$`))
})

for (const port of ['70000', 'abc', '-1', '']) {
  test(`"${port}" is refused as a port`, async () => {
    const { code, stderr } = await run(port)
    assert.equal(code, 64)
    assert.match(stderr, /^the port must be a number [^\n]+\n$/)
  })
}

async function run(port: string): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [main, port])
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stderr }
}
