import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { test } from 'node:test'
import { Pairs } from './pair.js'

test('both ends of a pair are ours, nothing of them is read, and what one says the other hears', async (t) => {
  const pairs = new Pairs()
  await pairs.listen()
  t.after(() => pairs.close())
  const made = await Promise.all(
    Array.from({ length: 20 }, () => {
      return new Promise<[Socket, Socket]>((resolve) => pairs.make((near, far) => resolve([near, far])))
    }),
  )
  assert.equal(new Set(made.flat()).size, 40)
  for (const [i, [near, far]] of made.entries()) {
    assert.equal(near.localPort, far.remotePort)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.write(`pair ${i}`)
      const heard = once(to, 'data')
      to.resume()
      assert.equal(String((await heard)[0]), `pair ${i}`)
    }
    near.destroy()
    far.destroy()
  }
})

for (const localAddress of ['127.0.0.1', '127.0.0.2']) {
  test(`a stranger from ${localAddress} is cut`, { skip: process.platform !== 'linux' }, async (t) => {
    const pairs = new Pairs()
    const port = await pairs.listen()
    t.after(() => pairs.close())
    const stranger = net.connect({ port, host: '127.0.0.1', localAddress })
    stranger.on('error', () => {}).resume()
    await once(stranger, 'close')
  })
}
