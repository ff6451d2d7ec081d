import assert from 'node:assert/strict'
import { Cutter } from './cutter.js'
import { RawVisitor } from './visitor.js'
import { World } from './world.js'

/**
 * A link falls silent in the middle of a download, without a word to either side: the download goes on, over one more link. `args`: of server and
 * agent. `ready`: what has to have happened before anything is asked.
 */
export async function downloadOutlivesSilence(
  args: string[],
  ready: (cutter: Cutter) => Promise<void> = async () => {},
): Promise<void> {
  await using world = await World.start({ args })
  const cutter = await Cutter.start(world)
  let write = (_text: string) => {}
  const app = await world.app((_, response) => {
    write = (text) => void response.write(text)
    write('one ')
  })
  await world.agent('demo', app, { args, env: { TUNNEL_SERVER: cutter.url } })
  await ready(cutter)
  const visitor = new RawVisitor(world)
  visitor.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  await visitor.until((received) => received.includes('one '))
  cutter.silence()
  write('two ')
  await visitor.until((received) => received.includes('two '))
  assert.equal(cutter.count, 2)
}
